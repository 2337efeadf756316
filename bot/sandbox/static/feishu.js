"use strict";
// Feishu's messages as a phone shows them. Whatever they say becomes text, never markup of this page.

const entered = {};  // what stands in the fields of cards, for when they are drawn anew

// `hand`: what a touch does, `tap(message, key, values)` and `open(url)`.
function feishuBody(line, hand) {
  const kind = line.payload.msgtype, content = line.payload[kind];
  if (kind === "interactive") return feishuCard(line, content, hand);
  if (kind !== "post") return h("div", {class: "bubble"}, linked(line.text, hand.open));
  const node = one => one.tag === "a" ? feishuLink(one.href, one.text, hand) : linked(one.text, hand.open);
  return h("div", {class: "bubble"}, content.post.content.map(row => h("p", {}, row.map(node))));
}

function feishuCard(line, card, hand) {
  const header = card.header, parts = card.body.elements;
  return h("article", {class: "card feishu", "data-message": line.msgid, "data-settled": String(header?.template === "grey")},
    header ? h("h4", {"data-template": header.template}, header.title.content) : "",
    h("div", {class: "parts"}, parts.map(part => feishuPart(part, line.msgid, hand))));
}

function feishuPart(it, message, hand) {
  switch (it.tag) {
    case "markdown": return h("div", {class: "said"}, feishuMarkdown(it.content, hand));
    case "div": return h("p", {class: it.text.text_color === "grey" ? "settled" : "said"}, it.text.content);
    case "column_set": return h("div", {class: `columns ${it.flex_mode}`}, it.columns.map(column =>
      h("div", {}, column.elements.map(part => feishuPart(part, message, hand)))));
    case "form": return feishuForm(it, message, hand);
    case "button": return feishuButton(it, message, hand);
    case "chart": return feishuChart(it.chart_spec);
    default: return h("p", {class: "muted"}, `[${it.tag}]`);
  }
}

// **bold** and [links](…); entities are letters again.
function feishuMarkdown(text, hand) {
  return text.split("\n").map(row => h("p", {}, row.split(/(\*\*.+?\*\*|\[[^\]]+\]\([^)\s]+\))/).map(part => {
    const bold = part.match(/^\*\*(.+)\*\*$/), link = part.match(/^\[(.+)\]\((.+)\)$/);
    if (link) return feishuLink(link[2], letters(link[1]), hand);
    return bold ? h("b", {}, linked(letters(bold[1]), hand.open)) : linked(letters(part), hand.open);
  })));
}

const NAMED = {amp: "&", lt: "<", gt: ">", quot: '"'};
const letters = text => text.replace(/&(?:#(\d{1,6})|(amp|lt|gt|quot));/g, (_, number, name) => name ? NAMED[name] : String.fromCodePoint(number));

function feishuLink(url, text, hand, look = "") {
  return h("a", {href: url, class: look, "data-key": url, onclick: event => { event.preventDefault(); hand.open(url); }}, text);
}

function feishuButton(it, message, hand, submits = false) {
  const told = it.behaviors[0], look = `button ${it.type}`;
  if (told.type === "open_url") return feishuLink(told.default_url, it.text.content, hand, look);
  const key = told.value.key;
  return h("button", {type: submits ? "submit" : "button", class: look, "data-key": key, "data-verb": key.split(":")[0],
    onclick: submits ? null : () => hand.tap(message, key, {})}, it.text.content);
}

// --- forms ---------------------------------------------------------------------------------------------------------

function feishuForm(it, message, hand) {
  const fields = [];
  const parts = it.elements.map((part, at) => {
    if (part.tag === "button") return feishuButton(part, message, hand, true);
    if (part.tag === "markdown") {
      return h("span", {class: `label ${it.elements[at + 1]?.required ? "required" : ""}`}, feishuMarkdown(part.content, hand));
    }
    fields.push(feishuField(part, message));
    return fields.at(-1);
  });
  const form = h("form", {}, parts);
  form.addEventListener("submit", event => {
    event.preventDefault();
    const key = event.submitter.dataset.key;
    hand.tap(message, key, Object.fromEntries(fields.map(field => [field.name, field.value.trim()])));
  });
  return form;
}

function feishuField(it, message) {
  const kept = `${message} ${it.name}`, hint = it.placeholder?.content || "";
  const named = {name: it.name, "aria-label": hint, "data-key": kept, required: Boolean(it.required)};
  const options = (it.options || []).map(option => h("option", {value: option.value}, option.text.content));
  const field = it.tag === "select_static" ? h("select", named, h("option", {value: ""}, hint), options)
    : it.tag === "date_picker" ? h("input", {...named, type: "date"})
      : h("input", {...named, type: "text", maxlength: String(it.max_length || 1000), placeholder: hint, autocomplete: "off"});
  field.value = entered[kept] ?? it.initial_option ?? it.initial_date ?? it.default_value ?? "";
  field.addEventListener("input", () => { entered[kept] = field.value; });
  return field;
}

// --- charts --------------------------------------------------------------------------------------------------------

// A funnel's bars stand in the middle and say what is left of the one above.
function feishuChart(spec) {
  const points = [spec.data].flat()[0].values, funnel = spec.type === "funnel";
  const name = spec.categoryField || spec.xField, value = spec.valueField || spec.yField;
  const most = Math.max(...points.map(point => point[value]), 1);
  return h("div", {class: `chart ${spec.type}`, role: "list"}, points.map((point, at) => {
    const bar = h("i", {}), before = at && funnel ? points[at - 1][value] : 0;
    bar.style.width = `${point[value] / most * 100}%`;
    return h("div", {role: "listitem"}, h("span", {}, point[name]), h("div", {"aria-hidden": "true"}, bar),
      h("b", {}, String(point[value]), before ? h("small", {}, ` ${Math.round(point[value] / before * 100)}%`) : ""));
  }));
}
