"""What schema 2.0 knows: each tag with the properties it may have. Anything else refuses the whole card."""

COMMON = {"tag", "element_id", "margin"}
TOP = {"schema", "config", "card_link", "header", "body"}
CONFIG = {
    "update_multi",
    "enable_forward",
    "enable_forward_interaction",
    "width_mode",
    "summary",
    "locales",
    "use_custom_translation",
    "streaming_mode",
    "streaming_config",
    "style",
}
HEADER = {"title", "subtitle", "text_tag_list", "i18n_text_tag_list", "icon", "template", "padding"}
TEMPLATES = {
    "blue",
    "wathet",
    "turquoise",
    "green",
    "yellow",
    "orange",
    "red",
    "carmine",
    "violet",
    "purple",
    "indigo",
    "grey",
    "default",
}
STACK = {"direction", "padding", "horizontal_spacing", "horizontal_align", "vertical_spacing", "vertical_align"}
BODY = STACK | {"elements"}
TEXT = {"tag", "content", "i18n_content", "text_size", "text_color", "text_align", "lines", "element_id"}
_FIELD = {"name", "placeholder", "width", "required", "disabled", "disabled_tips", "behaviors", "confirm"}
_BOX = STACK | {"elements", "background_style"}

PROPERTIES: dict[str, set[str]] = {
    "div": {"text", "fields", "icon", "width"},
    "markdown": {"content", "i18n_content", "text_align", "text_size", "icon"},
    "hr": set(),
    "img": {
        "img_key",
        "alt",
        "title",
        "corner_radius",
        "scale_type",
        "size",
        "transparent",
        "preview",
        "mode",
        "custom_width",
    },
    "img_combination": {"img_list", "combination_mode", "corner_radius", "combination_transparent"},
    "person": {"user_id", "size", "show_avatar", "show_name", "style"},
    "person_list": {"persons", "lines", "size", "show_avatar", "show_name", "drop_invalid_user_id", "icon"},
    "audio": {"file_key", "audio_id", "show_time", "width", "background_color"},
    "table": {
        "page_size",
        "row_height",
        "row_max_height",
        "freeze_first_column",
        "header_style",
        "columns",
        "rows",
    },
    "chart": {"aspect_ratio", "color_theme", "height", "preview", "chart_spec"},
    "column_set": {
        "flex_mode",
        "horizontal_spacing",
        "horizontal_align",
        "background_style",
        "columns",
        "behaviors",
    },
    "column": _BOX | {"width", "weight", "behaviors"},
    "form": STACK | {"name", "elements"},
    "interactive_container": _BOX
    | {
        "width",
        "height",
        "corner_radius",
        "has_border",
        "border_color",
        "behaviors",
        "hover_tips",
        "disabled",
        "disabled_tips",
        "confirm",
    },
    "collapsible_panel": STACK | {"expanded", "header", "elements", "background_color", "border"},
    "button": {
        "text",
        "type",
        "size",
        "width",
        "icon",
        "hover_tips",
        "disabled",
        "disabled_tips",
        "confirm",
        "behaviors",
        "name",
        "form_action_type",
    },
    "input": _FIELD
    | {
        "default_value",
        "input_type",
        "max_length",
        "rows",
        "max_rows",
        "auto_resize",
        "show_icon",
        "label",
        "label_position",
        "fallback",
    },
    "select_static": _FIELD | {"options", "initial_option", "initial_index", "type"},
    "multi_select_static": _FIELD | {"options", "selected_values", "type"},
    "select_person": _FIELD | {"options", "initial_option", "type"},
    "multi_select_person": _FIELD | {"options", "selected_values", "type"},
    "date_picker": _FIELD | {"initial_date"},
    "picker_time": _FIELD | {"initial_time"},
    "picker_datetime": _FIELD | {"initial_datetime"},
    "overflow": {"options", "width", "behaviors", "confirm", "name"},
    "checker": {
        "name",
        "checked",
        "text",
        "behaviors",
        "disabled",
        "overall_checkable",
        "button_area",
        "checked_style",
    },
    "select_img": _FIELD | {"options", "multi_select", "layout", "aspect_ratio", "can_preview", "style"},
}

# What 1.0 has beside them, or instead.
FIRST_ONLY = {"action", "note"}
BUTTON_TYPES = {
    "default",
    "primary",
    "danger",
    "text",
    "primary_text",
    "danger_text",
    "primary_filled",
    "danger_filled",
    "laser",
}
CHARTS = {
    "line",
    "area",
    "bar",
    "pie",
    "common",
    "funnel",
    "scatter",
    "radar",
    "linearProgress",
    "circularProgress",
    "wordCloud",
    "gauge",
    "sankey",
}
CELLS = {"text", "lark_md", "markdown", "number", "options", "persons", "date"}
CONTAINERS = {"column_set", "column", "form", "interactive_container", "collapsible_panel", "action"}
