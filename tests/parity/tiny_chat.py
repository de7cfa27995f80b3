#!/usr/bin/env python3
"""Chat templates and what transformers makes of them: tests/engine/tiny/chat.json; tiny.py ships two of them.

The templates are our own words around the constructs that templates in the wild use: a default system turn, tools and
tool calls as JSON, `trim`, `namespace`, `break` and `continue`, `raise_exception`, `strftime_now`, Python's string
methods. Contents hold what a careless renderer would spoil: < > & ' in JSON (HTML escapes), letters beyond ASCII (\\u
escapes), keys out of order (sorting), special tokens written out, a null content, a null bos_token.

Run by tiny.py; alone (see there for the set-up) it writes chat.json only:
  OMP_NUM_THREADS=1 /tmp/parity/bin/python tests/parity/tiny_chat.py
"""

import json
import sys
from pathlib import Path
from typing import Any

DEFAULT_OUT = Path(__file__).resolve().parents[1] / "engine" / "tiny"

QWEN_LIKE = """\
{%- set has_system = messages[0]['role'] == 'system' %}
{%- if has_system %}
    {%- set opening = messages[0]['content'] %}
{%- else %}
    {%- set opening = 'You are Tiny, a model for tests. You answer alerts.' %}
{%- endif %}
{{- '<|im_start|>system\\n' + opening }}
{%- if tools %}
    {{- '\\n\\n# Tools\\n\\nThese functions may be called, one JSON object a line between <tools></tools>:\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- '\\n</tools>\\n\\nA call is one JSON object between <tool_call></tool_call>:\\n<tool_call>\\n' }}
    {{- '{"name": <which>, "arguments": <an object>}\\n</tool_call>' }}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- for message in messages %}
    {%- if message.role == 'assistant' and message.tool_calls %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for call in message.tool_calls %}
            {%- if call.function is defined %}
                {%- set call = call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- call.name }}
            {{- '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- elif not (loop.first and has_system) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

SMOL_LIKE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a small model for tests<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

# The date itself would change every day: only that there is one shows.
LLAMA_LIKE = """\
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set opening = messages[0]['content'] | trim %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set opening = '' %}
    {%- set turns = messages %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{%- if strftime_now is defined and strftime_now('%Y') | length == 4 %}
    {{- 'The date is known.\\n\\n' }}
{%- endif %}
{{- opening + '<|eot_id|>' }}
{%- for turn in turns %}
    {{- '<|start_header_id|>' + turn['role'] + '<|end_header_id|>\\n\\n' + turn['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

# The tags that transformers puts around what is trained on: they print nothing.
MARKED = """\
{% for message in messages %}
    {%- if message.role == 'assistant' %}
        {% generation %}
        {{- message.content + eos_token }}
        {%- endgeneration -%}
    {%- else %}
{{ '[' + message.content | trim + ']' }}
        {%- generation -%} x {%- endgeneration %}

    {% endif %}
{%- endfor %}
"""

STRICT = """\
{{ bos_token }}
{%- for message in messages %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Turns must go user, assistant, user; turn ' ~ loop.index ~ ' is ' ~ message.role) }}
    {%- endif %}
    {%- set end = eos_token if message.role == 'assistant' else '\\n' %}
    {{- '[' ~ message.role | upper ~ '] ' ~ message.content.strip() ~ end }}
{%- endfor %}
"""

# Blocks on lines of their own, indented and without dashes: trim_blocks and lstrip_blocks must be on.
CONTROLS = """\
{% macro tag(name, open=true) %}<{{ '' if open else '/' }}{{ name }}>{% endmacro %}
{% set state = namespace(turns=0, users=0, last='') %}
{% for message in messages %}
    {% if message['role'] == 'system' %}
        {% continue %}
    {% endif %}
    {% if 'STOP' in message['content'] %}
{{ tag('stopped') }}
        {% break %}
    {% endif %}
    {% set state.turns = state.turns + 1 %}
    {% if message.role == 'user' %}
        {% set state.users = state.users + 1 %}
    {% endif %}
    {% set state.last = message.content.split('\\n')[0] %}
{{ tag(message.role) }}{{ message.content.rstrip() }}{{ tag(message.role, open=false) }}
{% endfor %}
turns={{ state.turns }} users={{ state.users }} last={{ state.last }}
"""

INDENTED = """\
{% for tool in tools or [] %}
{% set function = tool.function %}
{% set fields = function.parameters.properties %}
{{ loop.index }}. {{ function.name }}:{% for name, field in fields.items() %} {{ name }}={{ field.type }}{% endfor %}

{{ function | tojson(indent=2) }}
{% endfor %}
{% for message in messages %}
{{ message.role }}: {{ message.content }}
{% endfor %}
"""

BLOCK_IP = {
    "type": "function",
    "function": {
        "name": "block_ip",
        "description": "Block an address at the firewall if score > 0.5 & it's <external>; häufig in Zürich, 東京 🚫",
        "parameters": {
            "type": "object",
            "properties": {
                "ip": {"type": "string", "description": "An address such as \"203.0.113.7\""},
                "minutes": {"type": "integer", "default": 60, "minimum": 1},
                "confidence": {"type": "number", "default": 0.5, "maximum": 1.0},
                "dry_run": {"type": "boolean", "default": False, "examples": [True, None], "aliases": []},
            },
            "required": ["ip"],
        },
    },
}

QUERY = {
    "type": "function",
    "function": {
        "name": "query_logs",
        "description": "Search logs; the pattern is a regex like ^\\d+\\s<err>$\tone a line",
        "parameters": {
            "type": "object",
            "properties": {
                "pattern": {"type": "string"},
                "host": {"type": "string", "enum": ["web-01", "db&cache", "O'Brien's laptop"]},
            },
            "required": ["pattern", "host"],
        },
    },
}

NUMBERS = {
    "type": "function",
    "function": {
        "name": "score",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {"p": {"type": "number", "examples": [1e-05, 1e16, 123456789012345678, -0.0, 2.5e-7, 100.0]}},
        },
    },
}


def say(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


ALERT = say("user", "Alert: user=\"j.doe\" ran `cmd.exe /c <script>` & left 'note'.\nlog says <|im_end|> 👀 ünïcode")
SYSTEM = say("system", "  You triage alerts, <quickly> & well.\n")
ANSWER = say("assistant", " Action: dismiss\nCitedLog: L1-0 ")
AGAIN = say("user", "And the 2nd one?\n\n")

CALL = {"name": "block_ip", "arguments": {"ip": "203.0.113.7", "minutes": 15, "note": "it's <bad> & früh"}}
TOOL_TALK = [
    ALERT,
    say("assistant", "I'll look.", tool_calls=[{"type": "function", "function": CALL}]),
    say("tool", "{\"ok\": true, \"rule\": \"<fw&1>\"}"),
    say("tool", "second result"),
    say("assistant", None, tool_calls=[CALL, {"name": "query_logs", "arguments": {}}]),
    say("tool", "nothing"),
    ANSWER,
]

CHATML = {"bos_token": None, "eos_token": "<|im_end|>"}
LLAMA = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
SENTENCE = {"bos_token": "<s>", "eos_token": "</s>"}


def case(
    name: str,
    template: str,
    special: dict[str, str | None],
    messages: list[dict[str, Any]],
    generate: bool,
    tools: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "template": template,
        "special": special,
        "messages": messages,
        "tools": tools,
        "add_generation_prompt": generate,
    }


CASES = [
    case("qwen: default system turn", QWEN_LIKE, CHATML, [ALERT], True),
    case("qwen: own system turn", QWEN_LIKE, CHATML, [SYSTEM, ALERT, ANSWER, AGAIN], True),
    case("qwen: system turn in the middle", QWEN_LIKE, CHATML, [ALERT, ANSWER, SYSTEM, AGAIN], False),
    case("qwen: tools", QWEN_LIKE, CHATML, [SYSTEM, ALERT], True, [BLOCK_IP, QUERY]),
    case("qwen: tool calls and a null content", QWEN_LIKE, CHATML, TOOL_TALK, False, [BLOCK_IP]),
    case("qwen: calls without tools", QWEN_LIKE, CHATML, TOOL_TALK[:3], True),
    case("qwen: no tools in the list", QWEN_LIKE, CHATML, [ALERT], True, []),
    case("qwen: numbers of tools", QWEN_LIKE, CHATML, [AGAIN], True, [NUMBERS]),
    case("smol: default system turn", SMOL_LIKE, CHATML, [ALERT, ANSWER, AGAIN], True),
    case("smol: own system turn", SMOL_LIKE, CHATML, [SYSTEM, ALERT, ANSWER], False),
    case("llama: bos, trim and a date", LLAMA_LIKE, LLAMA, [SYSTEM, ALERT, ANSWER, AGAIN], True),
    case("llama: no bos token", LLAMA_LIKE, CHATML, [ALERT], True),
    case("marked: what is trained on", MARKED, CHATML, [SYSTEM, ALERT, ANSWER, AGAIN, ANSWER], False),
    case("strict: turns alternate", STRICT, SENTENCE, [ALERT, ANSWER, AGAIN], False),
    case("strict: turns do not alternate", STRICT, SENTENCE, [ALERT, AGAIN], False),
    case("strict: a system turn", STRICT, SENTENCE, [SYSTEM, ALERT], True),
    case("controls: to the end", CONTROLS, CHATML, [SYSTEM, ALERT, ANSWER, AGAIN], True),
    case("controls: broken off", CONTROLS, CHATML, [ALERT, SYSTEM, say("assistant", "STOP here"), AGAIN], True),
    case("indented: tools", INDENTED, CHATML, [ALERT], False, [QUERY, BLOCK_IP]),
    case("indented: none", INDENTED, CHATML, [ALERT, ANSWER], False),
]


def rendered(chat: dict[str, Any]) -> dict[str, str]:
    """What transformers renders, or what the template refuses with."""
    from jinja2.exceptions import TemplateError
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    known = {name: token for name, token in chat["special"].items() if token is not None}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **known)
    try:
        text = tokenizer.apply_chat_template(
            chat["messages"],
            tools=chat["tools"],
            chat_template=chat["template"],
            add_generation_prompt=chat["add_generation_prompt"],
            tokenize=False,
        )
    except TemplateError as error:
        return {"error": str(error)}
    return {"text": text}


def write(out: Path) -> None:
    chats = [{**chat, **rendered(chat)} for chat in CASES]
    lines = [json.dumps(chat, ensure_ascii=False) for chat in chats]
    out.mkdir(parents=True, exist_ok=True)
    (out / "chat.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write(DEFAULT_OUT))
