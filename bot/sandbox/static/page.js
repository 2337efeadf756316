"use strict";
// One page, three people, one clock. Draws what /demo/state says, and posts what is done to /demo/act.

const $ = id => document.getElementById(id);
const CHATS = ["wechat", "feishu"];
const OFFICES = ["wecom", "feishu"];
const DESKS = ["hr", "group", "manager"];
const STEPS = ["import", "interviews", "half_a_day", "a_day", "certificate", "approval"];
const MARKS = ["invited", "clicked", "interviewed", "uploaded", "approved", "booked"];
const POLL = 1200;

let state = null;
let words = WORDS.zh;
let person = "";
let app = "sms";
let desk = "hr";
let office = "wecom";
let atBot = true;
let copied = "";
let drawn = {};
let firstDay = null;
let waiting = 0;
const seen = {people: {}, desks: {}};
const chats = {};  // person -> the chat that lies on the phone, where it was chosen by hand

// --- small tools ---------------------------------------------------------------------------------------------------

function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "onclick") element.addEventListener("click", value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}

const wall = iso => iso.slice(11, 16);
const local = iso => new Date(new Date(iso).getTime() + 8 * 3600e3).toISOString();

function stamp(iso) {
  const at = local(iso), now = local(state.now);
  return at.slice(0, 10) === now.slice(0, 10) ? wall(at) : `${Number(at.slice(5, 7))}/${Number(at.slice(8, 10))} ${wall(at)}`;
}

// Something is drawn anew only when it differs; whoever stood on a button keeps standing there.
function redraw(target, key, content) {
  if (drawn[target.id] === key) return false;
  drawn[target.id] = key;
  const held = target.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  target.replaceChildren(...content().flat(9));
  if (held) target.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus();
  return true;
}

// To the newest message, when there is one more; not when an old one changes.
function scrollDown(target, key) {
  if (target.dataset.read === key) return;
  target.dataset.read = key;
  const toEnd = () => { if (target.dataset.read === key) target.scrollTop = target.scrollHeight; };
  toEnd();
  for (const picture of target.querySelectorAll("img")) {
    if (!picture.complete) picture.addEventListener("load", toEnd, {once: true}); // only now it has its height
  }
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $("toast").hidden = true; }, 5000);
}

// What Feishu says for a moment to the one who tapped.
function flash(target, told) {
  if (!told) return;
  target.textContent = told.text;
  target.dataset.kind = told.kind;
  target.hidden = false;
  clearTimeout(target.timer);
  target.timer = setTimeout(() => { target.hidden = true; }, 4000);
}

// --- talking to the server -----------------------------------------------------------------------------------------

async function act(name, order = {}) {
  waiting += 1;
  document.body.dataset.busy = "true";
  try {
    const answer = await fetch(`/demo/act/${name}`, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({person, ...order}),
    });
    const told = await answer.json();
    if (told.problem) toast(told.problem);
    flash($(order.member ? "desk-flash" : "phone-flash"), told.toast);
    if (told.people) {
      look(told.focus);
      take(told);
    }
  } catch {
    toast(words.lost);
  } finally {
    waiting -= 1;
    if (!waiting) document.body.dataset.busy = "false";
  }
}

async function refresh() {
  try {
    const answer = await fetch(`/demo/state/${encodeURIComponent(person || "first")}`);
    const told = await answer.json();
    if (!waiting) take(told);
  } catch {
    toast(words.lost);
  }
}

async function poll() {
  if (!waiting && document.visibilityState === "visible") await refresh();
  setTimeout(poll, POLL);
}

function look(focus) {
  if (!focus) return;
  if (focus.person && CHATS.includes(focus.app)) chats[focus.person] = focus.app;
  if (focus.person) choose(focus.person, focus.app || app, false);
  else if (focus.app) app = focus.app;
  if (focus.desk) [desk, office] = focus.desk.startsWith("feishu.") ? [focus.desk.slice(7), "feishu"] : [focus.desk, "wecom"];
}

function take(told) {
  if (told.phone && person && told.phone.person !== person) return;
  state = told;
  person = told.phone ? told.phone.person : person;
  document.body.dataset.now = told.now;
  draw();
}

// --- drawing -------------------------------------------------------------------------------------------------------

function draw() {
  if (!state) return;
  const current = state.people.find(one => one.id === person);
  markSeen(current);
  drawClock();
  drawSteps();
  drawLog();
  drawPeople();
  if (current) drawPhone(current);
  drawOffice(current);
  drawTabs();
  if (!waiting) document.body.dataset.busy = "false";
}

function markSeen(current) {
  if (current) seen.people[person] = received(current);
  seen.desks[place(desk)] = theirs(place(desk));
}

const received = one => one.sms + one.wechat + one.feishu;
const fresh = one => received(one) > (seen.people[one.id] ?? 1);
const theirs = name => state.desks[name].filter(line => !line.mine).length;
const freshAt = name => Math.max(theirs(name) - (seen.desks[name] ?? 0), 0);
const place = (name, where = office) => where === "feishu" ? `feishu.${name}` : name;
const freshIn = where => DESKS.reduce((sum, name) => sum + freshAt(place(name, where)), 0);

function drawClock() {
  const today = state.now.slice(0, 10);
  firstDay = firstDay || today;
  const days = Math.round((Date.parse(today) - Date.parse(firstDay)) / 864e5) + 1;
  const locale = words === WORDS.zh ? "zh-CN" : "en-GB";
  $("time").textContent = $("clock-small").textContent = wall(state.now);
  $("time").dateTime = state.now;
  const date = new Intl.DateTimeFormat(locale, {month: "short", day: "numeric", weekday: "short", timeZone: "UTC"});
  $("date").textContent = `${date.format(new Date(`${today}T00:00Z`))} · ${words.day(days)}`;
}

function drawSteps() {
  const next = STEPS.find(name => !state.steps[name].done);
  const busy = waiting > 0;
  redraw($("steps"), JSON.stringify([state.steps, words.language, next]), () => STEPS.map((name, at) => {
    const facts = state.steps[name], said = words.steps[name];
    const doable = name === next || name === "import" || Boolean(facts.next) || Boolean(facts.waiting);
    return h("li", {class: facts.done ? "done" : name === next ? "next" : "", "data-step": name, "data-done": String(facts.done)},
      h("span", {class: "number", "aria-hidden": "true"}, facts.done ? "✓" : String(at + 1)),
      h("div", {},
        h("h3", {}, typeof said.title === "string" ? said.title : said.title(facts), facts.done ? h("span", {class: "hidden-words"}, ` (${words.done})`) : ""),
        h("p", {}, facts.done ? said.result(facts) : said.text),
        doable
          ? h("button", {type: "button", class: name === next ? "strong" : "quiet", "data-key": name, onclick: () => step(name)}, typeof said.action === "string" ? said.action : said.action(facts))
          : "",
      ));
  }));
  $("steps").setAttribute("aria-busy", String(busy));
}

function step(name) {
  if (name === "certificate") {
    act(name, {picture: certificate(state.steps.certificate.next)});
  } else {
    act(name);
  }
}

function certificate(name) {
  const examined = new Date(Date.parse(state.now) - 60 * 864e5);
  const until = new Date(examined);
  until.setUTCFullYear(until.getUTCFullYear() + 1);
  until.setUTCDate(until.getUTCDate() - 1);
  const day = moment => `${moment.getUTCFullYear()}年${moment.getUTCMonth() + 1}月${moment.getUTCDate()}日`;
  const number = [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 1e6, 7);
  return drawCertificate($("certificate"), name, `${examined.getUTCFullYear()}${String(number).padStart(6, "0")}`, day(examined), day(until));
}

function drawLog() {
  redraw($("log"), JSON.stringify([state.log, words.language]), () => [...state.log].reverse().map(line =>
    h("li", {}, h("time", {datetime: line.at}, stamp(line.at)),
      h("span", {}, Object.entries(line.more).filter(([name]) => words.more[name]).map(([name, n]) => words.more[name](n)).join(words === WORDS.zh ? "，" : ", ")))));
}

function drawPeople() {
  const key = JSON.stringify([state.people, person, words.language, state.people.map(fresh)]);
  $("count").textContent = words.imported(state.people.length);
  redraw($("legend"), words.language, () => MARKS.map(mark => h("span", {}, h("i", {class: `dot ${mark} on`}), words.marks[mark])));
  redraw($("list"), key, () => state.people.map(one => {
    const marks = MARKS.filter(mark => one.reached.includes(mark));
    const told = marks.length ? words.marks[marks.at(-1)] : "";
    return h("li", {}, h("button", {
      type: "button", class: one.id === person ? "chosen" : "", "data-key": one.id, "data-person": one.name,
      "data-reached": one.reached.join(" "), "data-sms": String(one.sms), "data-status": one.status, "aria-pressed": String(one.id === person),
      onclick: () => choose(one.id, app),
    },
    h("span", {class: "avatar", style: undefined, "data-tone": String(tone(one.name)), "aria-hidden": "true"}, one.name.slice(0, 1)),
    h("span", {class: "person"},
      h("b", {}, one.name, fresh(one) && one.id !== person ? h("i", {class: "new", "aria-label": "·"}) : ""),
      h("small", {}, `${one.shop} · ${one.position}`)),
    h("span", {class: "dots", title: told}, one.status === "open"
      ? MARKS.map(mark => h("i", {class: `dot ${mark} ${one.reached.includes(mark) ? "on" : ""}`}))
      : h("em", {class: one.status}, words.status[one.status]),
    h("span", {class: "hidden-words"}, told))));
  }));
  redraw($("choose"), JSON.stringify(state.people.map(one => one.name)), () => state.people.map(one => h("option", {value: one.id}, one.name)));
  $("choose").value = person;
}

const tone = name => [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;

function choose(id, wanted, fetching = true) {
  if (id !== person) closeBrowser();
  person = id;
  app = CHATS.includes(wanted) ? chatOf(id) : wanted;
  if (fetching) {
    draw();
    refresh();
  }
}

// The chat on somebody's phone: as chosen by hand, else where the bot knows them.
function chatOf(id) {
  return chats[id] || state.people.find(one => one.id === id)?.chat || CHATS[0];
}

// Two words of which one holds.
function drawSwitch(target, names, now, pick, news) {
  redraw(target, JSON.stringify([names, now, news, words.language]), () => names.map((name, at) =>
    h("button", {type: "button", "data-key": name, "data-on": name, "aria-pressed": String(name === now), onclick: () => pick(name)},
      words.places[name], news[at] && name !== now ? h("i", {class: "new", "aria-label": "·"}) : "")));
}

// --- the phone -----------------------------------------------------------------------------------------------------

function drawPhone(current) {
  const phone = state.phone.person === person ? state.phone : null;
  $("who").textContent = current.name;
  $("where").textContent = `${current.shop} · ${current.status === "open" ? current.stage : words.status[current.status]}`;
  $("phone").dataset.app = app;
  $("phone").dataset.person = current.name;
  const chat = chatOf(person), apps = ["sms", chat, "history"];
  drawSwitch($("phone-switch"), CHATS, chat, name => { chats[person] = app = name; closeBrowser(); draw(); }, [0, 0]);
  $("app-title").textContent = app === "sms" ? words.smsTitle(state.company) : app === "history" ? words.historyTitle : words.chatTitle(state.company);
  const lines = !phone ? [] : app === "history" ? phone.story : phone[app];
  const key = JSON.stringify([person, app, lines, words.language, phone && phone.entered]);
  $("composer").hidden = app === "history";
  $("picture").hidden = $("chips").hidden = !CHATS.includes(app);
  const clipboard = app === "feishu" ? copied : "";
  redraw($("chips"), JSON.stringify([app, clipboard, words.language]), () => [
    clipboard ? h("button", {type: "button", class: "paste", "data-key": "paste", onclick: paste}, words.paste(clipboard)) : "",
    ...words.chipsPhone.map(text => h("button", {type: "button", "data-key": text, onclick: () => say(text)}, text)),
  ]);
  redraw($("messages"), key, () => phoneLines(phone, lines));
  scrollDown($("messages"), `${person} ${app} ${lines.length}`);
  redraw($("apps"), JSON.stringify([app, chat, current.sms, current[chat], words.language]), () => apps.map(name =>
    h("button", {type: "button", role: "tab", "data-key": name, "data-app": name, "aria-selected": String(name === app), onclick: () => { app = name; closeBrowser(); draw(); }},
      h("i", {class: `icon ${name}`, "aria-hidden": "true"}, h("svg", {})), words.places[name],
      name === "history" ? "" : h("span", {class: "count"}, String(current[name] || ""))))
  );
}

function phoneLines(phone, lines) {
  if (app === "history") return lines.length ? [h("ol", {class: "history"}, together(lines).map(historyLine))] : [empty(words.historyEmpty)];
  if (app === "sms") return lines.length ? lines.map(line => bubble(line, smsBody(line))) : [empty(words.smsEmpty)];
  if (!lines.length) {
    const order = app === "feishu" ? "feishu_opens" : "enter";
    return [h("div", {class: "empty"}, h("p", {}, words.chatEmpty[app]),
      h("button", {type: "button", class: "strong", "data-key": "enter", onclick: () => act(order)}, words.enter[app]))];
  }
  return lines.map(line => bubble(line, app === "feishu" && !line.mine ? feishuBody(line, candidateHand) : wechatBody(line)));
}

const candidateHand = {
  tap: (message, key, selected) => act("feishu_taps", {message, key, selected}),
  open: url => openLink(url),
};

function say(text) {
  act({sms: "reply", wechat: "say", feishu: "feishu_says"}[app], {text});
}

function paste() {
  $("draft").value = copied;
  copied = "";
  draw();
  $("draft").focus();
}

const empty = text => h("div", {class: "empty"}, h("p", {}, text));

function bubble(line, body) {
  return [h("div", {class: `line ${line.mine ? "mine" : "theirs"}`, "data-at": line.at},
    h("time", {datetime: line.at}, stamp(line.at)), body)];
}

function smsBody(line) {
  return h("div", {class: "bubble"}, linked(line.text, openLink));
}

function wechatBody(line) {
  if (line.picture !== null && line.picture !== undefined) {
    return h("div", {class: "bubble photo"}, h("img", {src: `/demo/pictures/${line.picture}`, alt: words.specimen, width: 210, height: 134}));
  }
  if (!line.payload || line.payload.msgtype !== "msgmenu") return h("div", {class: "bubble"}, linked(line.text, openLink));
  const menu = line.payload.msgmenu;
  return h("div", {class: "bubble menu"},
    menu.head_content ? h("div", {}, linked(menu.head_content, openLink)) : "",
    menu.list.map(item => menuItem(item)),
    menu.tail_content ? h("div", {}, linked(menu.tail_content, openLink)) : "");
}

function menuItem(item) {
  const inner = item[item.type];
  if (item.type === "click") return h("button", {type: "button", "data-key": inner.id, "data-verb": inner.id.split(":")[0], onclick: () => act("tap", {key: inner.id})}, inner.content);
  if (item.type === "view") return h("button", {type: "button", class: "view", "data-key": inner.url, onclick: () => openLink(inner.url)}, inner.content);
  return h("div", {}, linked(inner.content, openLink));
}

// Words with links in them that can be tapped.
function linked(text, open) {
  const parts = String(text || "").split(/(https?:\/\/[!#-&(-;=?-~]+)/);
  return h("span", {class: "words"}, parts.map((part, at) => at % 2
    ? h("a", {href: part, "data-key": part, onclick: event => { event.preventDefault(); open(part); }}, part)
    : part));
}

function openLink(url) {
  if (!url.startsWith("http://127.0.0.1") && !url.startsWith("http://localhost")) {
    window.open(url, "_blank", "noopener");
    return;
  }
  // Of the two chats, the one that lies on this phone.
  if (/\/c\/[^/?]+$/.test(url)) url += `?via=${chatOf(person)}`;
  $("address").textContent = url.replace(/^https?:\/\//, "");
  $("frame").title = url;
  $("frame").src = url;
  $("browser").hidden = false;
  $("close").focus();
}

function closeBrowser() {
  if ($("browser").hidden) return;
  $("browser").hidden = true;
  $("frame").src = "about:blank";
  if (state) act("clock", {minutes: 0});
}

// A page inside the phone's browser that leads into WeChat says so, and the phone follows.
addEventListener("message", event => {
  const link = event.data && event.data.wechat;
  if (event.source !== $("frame").contentWindow || typeof link !== "string") return;
  closeBrowser();
  act("enter", {link});
});

// On the page with the code: what leads into Feishu does so here too, and the code goes along as if it had been copied.
function followIntoFeishu() {
  const page = $("frame").contentDocument, code = page?.querySelector("code")?.textContent.trim();
  if (!code) return;
  page.addEventListener("click", event => {
    if (!event.target.closest("a[href*='//applink.']")) return;
    event.preventDefault();
    copied = code;
    chats[person] = app = "feishu";
    closeBrowser();
    act("feishu_opens");
  });
}

// The same thing several times in a row is one line.
function together(lines) {
  const told = [];
  for (const line of lines) {
    const last = told.at(-1);
    const same = last && ["type", "stage", "actor"].every(name => last[name] === line[name]) && last.data.channel === line.data.channel;
    if (same && stamp(last.at) === stamp(line.at)) last.times += 1;
    else told.push({...line, times: 1});
  }
  return told;
}

function historyLine(line) {
  const [kind, name] = line.actor.split(":");
  const channel = words.channels[line.data.channel];
  return h("li", {"data-type": line.type},
    h("time", {datetime: line.at}, stamp(line.at)),
    h("b", {}, words.events[line.type] || line.type, channel ? ` · ${channel}` : "", line.times > 1 ? ` ×${line.times}` : ""),
    h("small", {}, [line.stage, `${words.actors[kind] || kind}${name || ""}`].filter(Boolean).join(" · ")));
}

// --- HR's side -----------------------------------------------------------------------------------------------------

function drawOffice(current) {
  const name = current ? current.name : "", here = place(desk), lines = state.desks[here];
  $("office").dataset.desk = desk;
  $("office").dataset.on = office;
  drawSwitch($("office-switch"), OFFICES, office, name => { office = name; draw(); }, OFFICES.map(freshIn));
  drawDesks();
  redraw($("desk"), JSON.stringify([here, lines, words.language]), () => lines.length ? lines.map(deskLine) : [deskEmpty()]);
  const silent = here === "group";
  $("desk-composer").hidden = silent;
  $("at-bot").hidden = here !== "feishu.group";
  $("at-bot").setAttribute("aria-pressed", String(atBot));
  redraw($("desk-chips"), JSON.stringify([here, name, words.language]), () => silent
    ? [h("span", {class: "muted"}, words.groupOnly)]
    : [...(here.startsWith("feishu.") && desk !== "group" ? words.menuDesk.map(menuEntry) : []), ...deskChips(name)]);
  scrollDown($("desk"), `${here} ${lines.length}`);
}

function drawDesks() {
  const names = {hr: `${words.recruiter} ${state.members.hr}`, manager: `${words.manager} ${state.members.manager}`, group: words.groupName};
  redraw($("desks"), JSON.stringify([desk, office, DESKS.map(name => freshAt(place(name))), words.language]), () => DESKS.map(name => {
    const count = freshAt(place(name));
    return h("button", {type: "button", role: "tab", "data-key": name, "data-desk": name, "aria-selected": String(name === desk), onclick: () => { desk = name; draw(); }},
      h("span", {class: `avatar square ${name}`, "aria-hidden": "true"}, name === "group" ? "群" : state.members[name].slice(0, 1)),
      h("span", {}, names[name]), count ? h("span", {class: "badge"}, String(count)) : "");
  }));
}

function deskEmpty() {
  if (office === "wecom") return empty(words.deskEmpty);
  if (desk === "group") return empty(words.groupEmpty);
  const open = () => act("feishu_opens", {member: desk});
  return h("div", {class: "empty"}, h("p", {}, words.memberEmpty),
    h("button", {type: "button", class: "strong", "data-key": "open", onclick: open}, words.openBot));
}

// In the group it is HR who writes.
function memberSays(text) {
  if (office === "wecom") act("member_says", {member: desk, text});
  else if (desk === "group") act("feishu_says", {member: "hr", group: true, at_bot: atBot, text});
  else act("feishu_says", {member: desk, text});
}

const deskChips = name => words.chipsDesk(name).filter(text => office === "wecom" || desk === "group" || text.includes(" ")).map(text =>
  h("button", {type: "button", "data-key": text, onclick: () => memberSays(text)}, text));

const menuEntry = ([key, text]) => h("button", {type: "button", class: "entry", "data-key": key, "data-menu": key,
  onclick: () => act("feishu_menu", {member: desk, key})}, text);

function deskLine(line) {
  const time = h("time", {datetime: line.at}, stamp(line.at));
  if (line.mine && line.tapped) return h("p", {class: "noted"}, `${words.menu} ${line.text}`);
  if (line.mine) return h("div", {class: "line mine"}, time, h("div", {class: "bubble"}, line.text));
  time.prepend(`${office === "wecom" && desk === "group" ? words.robot : words.bot} · `);
  return h("div", {class: "line theirs"}, time, office === "feishu" ? feishuBody(line, memberHand()) : wecomBody(line));
}

function wecomBody(line) {
  const {msgtype} = line.payload, media = line.payload[msgtype];
  if (msgtype === "image") return h("div", {class: "bubble photo wide"}, h("img", {alt: words.chart,
    src: media.base64 ? `data:image/png;base64,${media.base64}` : `/demo/media/${media.media_id}`}));
  if (msgtype === "file") return h("div", {class: "bubble"}, h("a", {href: `/demo/media/${media.media_id}`, download: ""}, words.file));
  return line.payload.msgtype === "template_card" ? card(line)
    : line.payload.msgtype.startsWith("markdown") ? h("div", {class: "bubble markdown"}, markdown(line.payload[line.payload.msgtype].content))
      : h("div", {class: "bubble"}, anchored(line.text));
}

function memberHand() {
  const where = desk === "group" ? {member: "hr", group: true} : {member: desk};
  return {
    tap: (message, key, selected) => act("feishu_taps", {...where, message, key, selected}),
    open: url => window.open(url, "_blank", "noopener"),
  };
}

function card(line) {
  const it = line.payload.template_card, title = it.main_title || {}, chosen = {};
  const lists = [...(it.select_list || []), ...(it.button_selection ? [it.button_selection] : [])];
  const tap = key => act("member_taps", {member: desk, task: line.task_id, key, selected: chosen});
  const button = row => row.type === 1
    ? h("a", {class: `button style${row.style || 1}`, href: row.url, target: "_blank", rel: "noopener", "data-key": row.url}, row.text)
    : h("button", {type: "button", class: `style${row.style || 1}`, "data-key": row.key, "data-verb": row.key.split(":")[0], onclick: () => tap(row.key)}, row.text);
  const rows = (it.horizontal_content_list || []).map(row => [h("dt", {}, row.keyname), h("dd", {}, row.value || "")]);
  return h("article", {class: "card", "data-task": line.task_id, "data-settled": String(Boolean(line.label))},
    h("h4", {}, title.title || ""),
    title.desc ? h("p", {class: "desc"}, title.desc) : "",
    it.sub_title_text ? h("p", {}, anchored(it.sub_title_text)) : "",
    rows.length ? h("dl", {}, rows) : "",
    lists.map(list => question(list, chosen)),
    it.checkbox ? choices(it.checkbox, chosen) : "",
    line.label ? h("p", {class: "settled"}, line.label)
      : h("div", {class: "buttons"}, (it.button_list || []).map(button), it.submit_button ? button({...it.submit_button, style: 1}) : ""),
    (it.jump_list || []).map(jump => jump.url ? h("a", {class: "jump", href: jump.url, target: "_blank", rel: "noopener"}, jump.title) : h("p", {}, jump.title)));
}

function question(list, chosen) {
  const select = h("select", {}, list.option_list.map(option => h("option", {value: option.id, selected: option.id === list.selected_id}, option.text)));
  chosen[list.question_key] = select.value;
  select.addEventListener("change", () => { chosen[list.question_key] = select.value; });
  return h("label", {class: "question"}, list.title || "", select);
}

function choices(box, chosen) {
  const many = box.mode === 1;
  chosen[box.question_key] = box.option_list.filter(option => option.is_checked).map(option => option.id);
  return h("fieldset", {}, box.option_list.map(option => {
    const input = h("input", {type: many ? "checkbox" : "radio", name: box.question_key, checked: option.is_checked});
    input.addEventListener("change", () => {
      const others = many ? chosen[box.question_key].filter(id => id !== option.id) : [];
      chosen[box.question_key] = input.checked ? [...others, option.id] : others;
    });
    return h("label", {}, input, option.text);
  }));
}

// WeCom shows <a href="…"> in texts as a link, and nothing else.
function anchored(text) {
  const parts = String(text || "").split(/<a href="([^"]+)">([^<]*)<\/a>/);
  const shown = [];
  for (let at = 0; at < parts.length; at += 3) {
    shown.push(linked(parts[at], url => window.open(url, "_blank", "noopener")));
    if (at + 2 < parts.length) shown.push(outside(parts[at + 1], parts[at + 2]));
  }
  return h("span", {class: "words"}, shown);
}

function outside(url, text) {
  return /^https?:\/\//.test(url) ? h("a", {href: url, target: "_blank", rel: "noopener", "data-key": url}, text) : text;
}

function markdown(text) {
  return text.split("\n").map(row => {
    const quoted = row.startsWith(">"), heading = row.match(/^#{1,6} /);
    const content = spans(quoted ? row.replace(/^> ?/, "") : heading ? row.slice(heading[0].length) : row);
    return h(quoted ? "blockquote" : heading ? "h4" : "p", {}, content);
  });
}

function spans(text) {
  return text.split(/(\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\)|<font color="\w+">[^<]*<\/font>)/).map(part => {
    const bold = part.match(/^\*\*([^*]+)\*\*$/), link = part.match(/^\[([^\]]+)\]\(([^)]+)\)$/), font = part.match(/^<font color="(\w+)">([^<]*)<\/font>$/);
    if (bold) return h("b", {}, bold[1]);
    if (link) return outside(link[2], link[1]);
    if (font) return h("span", {class: `font ${font[1]}`}, font[2]);
    return part;
  });
}

// --- the frame around it -------------------------------------------------------------------------------------------

function drawTabs() {
  const now = document.body.dataset.tab;
  const names = {story: words.tabStory, phone: words.tabPhone, office: words.tabOffice};
  const counts = {office: freshIn(office)};
  redraw($("tabs"), JSON.stringify([now, names, counts]), () => Object.entries(names).map(([name, text]) =>
    h("button", {type: "button", "data-key": name, "data-tab": name, "aria-pressed": String(name === now), onclick: () => showTab(name)},
      text, counts[name] ? h("span", {class: "badge"}, String(counts[name])) : "")));
}

function showTab(name) {
  document.body.dataset.tab = name;
  for (const id of ["messages", "desk"]) delete $(id).dataset.read;
  draw();
}

function speak() {
  document.documentElement.lang = words === WORDS.zh ? "zh-CN" : "en";
  document.title = words.title;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = words[element.dataset.say];
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", words[element.dataset.label]);
  $("draft").placeholder = words.draft;
  $("desk-draft").placeholder = words.deskDraft;
  $("language").textContent = words.language;
  $("language").lang = words === WORDS.zh ? "en" : "zh-CN";
  draw();
}

function listen() {
  for (const button of document.querySelectorAll("[data-minutes]")) {
    button.addEventListener("click", () => act("clock", {minutes: Number(button.dataset.minutes)}));
  }
  $("next").addEventListener("click", () => act("next"));
  $("language").addEventListener("click", () => { words = words === WORDS.zh ? WORDS.en : WORDS.zh; speak(); });
  $("choose").addEventListener("change", () => choose($("choose").value, app));
  $("close").addEventListener("click", closeBrowser);
  $("composer").addEventListener("submit", event => {
    event.preventDefault();
    const text = $("draft").value.trim();
    $("draft").value = "";
    if (text) say(text);
  });
  $("desk-composer").addEventListener("submit", event => {
    event.preventDefault();
    const text = $("desk-draft").value.trim();
    $("desk-draft").value = "";
    if (text) memberSays(text);
  });
  $("at-bot").addEventListener("click", () => { atBot = !atBot; draw(); });
  $("frame").addEventListener("load", followIntoFeishu);
  $("picture").addEventListener("click", () => {
    certificate($("who").textContent);
    $("camera").hidden = false;
    $("send-picture").focus();
  });
  $("no-picture").addEventListener("click", () => { $("camera").hidden = true; $("picture").focus(); });
  $("send-picture").addEventListener("click", () => {
    $("camera").hidden = true;
    act(app === "feishu" ? "feishu_picture" : "picture", {picture: certificate($("who").textContent)});
  });
  addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    $("camera").hidden = true;
    closeBrowser();
  });
}

if (new URLSearchParams(location.search).get("lang") === "en") words = WORDS.en;
listen();
speak();
poll();
