"""Chat templates in the shapes of those in use, built from a table. The text of each is our own."""

import json
import re
from typing import Any, NamedTuple

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from support import tiny_model


class Calls(NamedTuple):
    """How a template writes tool calls: `begin`, `name`, `between` and `after` for each, and `finish`.

    `arguments` is `json` for a template that encodes an object, `text` for one that appends text, `printed`
    for one that prints what it gets, and `items` for one that writes each argument apart.
    """

    begin: str = ""
    name: str = '<tool_call>\n{"name": "'
    between: str = '", "arguments": '
    after: str = "}\n</tool_call>"
    joint: str = "\n"
    finish: str = ""
    end: str | None = None
    arguments: str = "json"
    needs_none: bool = False
    only_one: bool = False
    first_only: bool = False
    no_text: bool = False


class Shape(NamedTuple):
    """The shape of a template: what it writes around each message.

    `¤` marks the place of a content. `system` is `None` if a system message is refused, and empty if it
    is put before the first user message. `thoughts` has the text around thoughts, and `keeps` says which
    are kept: `all`, `last` or none. `asks` is what asks for an answer, if that is not `opens`.
    """

    user: str
    opens: str
    ends: str
    last: str | None = None
    bos: str = ""
    eos: str = "<|endoftext|>"
    system: str | None = ""
    result: str | None = None
    calls: Calls | None = None
    thoughts: str = ""
    keeps: str = ""
    splits: str = ""
    blank: str = ""
    blank_last: str = ""
    asks: str | None = None
    alternates: bool = False
    always_asks: bool = False
    generation: bool = False
    parts: bool = False
    dated: bool = False


def _says(*texts: str) -> str:
    """Return Jinja that prints texts; a text in backquotes is an expression."""
    pieces = [
        text[1:-1] if text[:1] == "`" else json.dumps(text, ensure_ascii=False) for text in texts if text
    ]
    return "{{- " + " + ".join(pieces) + " }}" if pieces else ""


def _around(pattern: str, expression: str) -> str:
    before, _, after = pattern.partition("¤")
    return _says(before, f"`{expression}`", after)


def _calls(calls: Calls) -> str:
    given = "call.function.arguments"
    if calls.arguments == "items":
        written = (
            "{%- for key, value in call.function.arguments.items() %}{{- '<arg>' + key + '=' }}{{- value }}"
            "{{- '</arg>' }}{%- endfor %}"
        )
    elif calls.arguments == "printed":
        written = "{{- call.function.arguments }}"
    else:
        written = _says(f"`{given} | tojson`" if calls.arguments == "json" else f"`{given}`")
        if calls.arguments == "text":
            written = "{{- '' + call.function.arguments }}"
    which = "message.tool_calls[:1]" if calls.first_only else "message.tool_calls"
    return (
        ("{%- if message.tool_calls | length > 1 %}{{- raise_exception('one call at a time') }}{%- endif %}")
        * calls.only_one
        + _says(calls.begin)
        + f"{{%- for call in {which} %}}"
        + _says(calls.name, "`call.function.name`", calls.between)
        + written
        + _says(calls.after)
        + "{%- if not loop.last %}"
        + _says(calls.joint)
        + "{%- endif %}{%- endfor %}"
        + _says(calls.finish)
    )


def template(shape: Shape) -> str:
    """Return the Jinja template of a shape."""
    content = "message.content[0].text" if shape.parts else "message.content"
    said = f"({content} or '')"
    system = (
        "{{- raise_exception('no system messages') }}"
        if shape.system is None
        else _around(shape.system, content)
        if shape.system
        else "{%- set ns.system = " + content + " + '\\n\\n' if " + content + " else '' %}"
    )
    result = (
        "{{- raise_exception('unknown role tool') }}"
        if shape.result is None
        else _around(shape.result, content)
    )
    thoughts = ""
    if shape.splits:
        thoughts += (
            f"{{%- if '{shape.splits}' in answer %}}{{%- set thought = answer.split('{shape.splits}')[0]"
            f".split('{shape.splits.replace('/', '')}')[-1].strip('\\n') %}}"
            f"{{%- set answer = answer.split('{shape.splits}')[-1].lstrip('\\n') %}}{{%- endif %}}"
        )
    if shape.keeps:
        kept = "thought" if shape.keeps == "all" else "thought and loop.index0 > ns.last"
        thoughts += "{%- if " + kept + " %}" + _around(shape.thoughts, "thought")
        if shape.blank_last:
            thoughts += "{%- elif loop.index0 > ns.last and loop.last %}" + _says(shape.blank_last)
        thoughts += "{%- else %}" + _says(shape.blank) + "{%- endif %}"
    answer = "{{- answer }}"
    ends = _says(shape.ends)
    if shape.last is not None:
        ends = "{%- if loop.last %}" + _says(shape.last) + "{%- else %}" + ends + "{%- endif %}"
    if calls := shape.calls:
        test = "message.tool_calls and message.content is none" if calls.needs_none else "message.tool_calls"
        with_end = ends if calls.end is None else _says(calls.end)
        text = "" if calls.no_text else answer
        body = "{%- if " + test + " %}" + text + _calls(calls) + with_end
        body += "{%- else %}" + answer + ends + "{%- endif %}"
    else:
        body = answer + ends
    if shape.generation:
        body = "{%- generation %}" + body + "{%- endgeneration %}"
    alternates = (
        "{%- set turns = messages | selectattr('role', 'ne', 'system') | list %}"
        "{%- for message in turns %}{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{- raise_exception('roles must alternate') }}{%- endif %}{%- endfor %}"
    )
    asks = _says(shape.opens if shape.asks is None else shape.asks)
    return (
        alternates * shape.alternates + "{%- set ns = namespace(system='', last=-1) %}"
        "{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last = loop.index0 %}"
        "{%- endif %}{%- endfor %}"
        + _says(shape.bos)
        + "{{- strftime_now('%d %b %Y') + '\\n' }}" * shape.dated
        + "{%- for message in messages %}{%- if message.role == 'system' %}"
        + system
        + "{%- elif message.role == 'user' %}"
        + _around(shape.user, f"ns.system + {content}")
        + "{%- set ns.system = '' %}{%- elif message.role == 'tool' %}"
        + result
        + "{%- else %}"
        + _says(shape.opens)
        + f"{{%- set answer = {said} %}}{{%- set thought = message.reasoning_content or '' %}}"
        + thoughts
        + body
        + "{%- endif %}{%- endfor %}"
        + ("" if shape.always_asks else "{%- if add_generation_prompt %}")
        + asks
        + ("" if shape.always_asks else "{%- endif %}")
    )


def _chatml(**changes: Any) -> Shape:
    shape = Shape(
        "<|im_start|>user\n¤<|im_end|>\n",
        "<|im_start|>assistant\n",
        "<|im_end|>\n",
        system="<|im_start|>system\n¤<|im_end|>\n",
        result="<|im_start|>user\n<tool_response>\n¤\n</tool_response><|im_end|>\n",
    )
    return shape._replace(**changes)


def _headers(**changes: Any) -> Shape:
    shape = Shape(
        "<|start_header_id|>user<|end_header_id|>\n\n¤<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|eot_id|>",
        bos="<|begin_of_text|>",
        eos="<|end_of_text|>",
        system="<|start_header_id|>system<|end_header_id|>\n\n¤<|eot_id|>",
        result="<|start_header_id|>ipython<|end_header_id|>\n\n¤<|eot_id|>",
    )
    return shape._replace(**changes)


def _inst(**changes: Any) -> Shape:
    shape = Shape("[INST] ¤ [/INST]", " ", "</s>", bos="<s>", eos="</s>", asks="", alternates=True)
    return shape._replace(**changes)


def _gemma(**changes: Any) -> Shape:
    shape = Shape(
        "<start_of_turn>user\n¤<end_of_turn>\n",
        "<start_of_turn>model\n",
        "<end_of_turn>\n",
        bos="<bos>",
        eos="<eos>",
        alternates=True,
    )
    return shape._replace(**changes)


def _deepseek(**changes: Any) -> Shape:
    shape = Shape(
        "<｜User｜>¤",
        "<｜Assistant｜>",
        "<｜end▁of▁sentence｜>",
        bos="<｜begin▁of▁sentence｜>",
        eos="<｜end▁of▁sentence｜>",
        system="¤",
    )
    return shape._replace(**changes)


def _roles(end: str, **changes: Any) -> Shape:
    shape = Shape(f"<|user|>\n¤{end}", "<|assistant|>\n", end, system=f"<|system|>\n¤{end}")
    return shape._replace(**changes)


_HERMES = Calls()
_THINKS = "<think>\n¤\n</think>\n\n"
_BLANK = "<think>\n\n</think>\n\n"
_MISTRAL_CALLS = Calls("[TOOL_CALLS][", '{"name": "', '", "arguments": ', "}", ", ", "]", no_text=True)
_DEEPSEEK_CALLS = Calls(
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    "\n```json\n",
    "\n```<｜tool▁call▁end｜>",
    "\n",
    "<｜tool▁calls▁end｜>",
    arguments="text",
    needs_none=True,
)

FAMILIES = {
    "alpaca": Shape("### Instruction:\n¤\n\n", "### Response:\n", "\n\n", eos="</s>", last=""),
    "apertus": _roles("<|user_end|>", ends="<|assistant_end|>", system="<|system_start|>¤<|system_end|>"),
    "chatml": _chatml(result=None),
    "command-a, always asks": _chatml(always_asks=True),
    "command-r": Shape(
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>¤<|END_OF_TURN_TOKEN|>",
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
        "<|END_OF_TURN_TOKEN|>",
        bos="<BOS_TOKEN>",
        eos="<|END_OF_TURN_TOKEN|>",
        system="<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>¤<|END_OF_TURN_TOKEN|>",
        alternates=True,
    ),
    "deepseek-v2": _deepseek(user="User: ¤\n\n", opens="Assistant: ", system="¤\n\n"),
    "deepseek-v3": _deepseek(calls=_DEEPSEEK_CALLS, result="<｜tool▁output▁begin｜>¤<｜tool▁output▁end｜>"),
    "deepseek-r1": _deepseek(splits="</think>", asks="<｜Assistant｜><think>\n"),
    "deepseek-r1-distill": _deepseek(
        splits="</think>",
        calls=_DEEPSEEK_CALLS,
        result="<｜tool▁output▁begin｜>¤<｜tool▁output▁end｜>",
        asks="<｜Assistant｜><think>\n",
    ),
    "exaone-3": Shape(
        "[|user|]¤\n",
        "[|assistant|]",
        "[|endofturn|]\n",
        system="[|system|]¤[|endofturn|]\n",
        last="[|endofturn|]",
    ),
    "falcon-3": _roles("\n", eos="<|endoftext|>", last="<|endoftext|>"),
    "gemma-1": _gemma(system=None),
    "gemma-2": _gemma(system=None, alternates=False),
    "gemma-3": _gemma(),
    "gemma-3, functions": _gemma(
        calls=_HERMES, result="<start_of_turn>tool\n¤<end_of_turn>\n", alternates=False
    ),
    "glm-4": Shape(
        "<|user|>\n¤",
        "<|assistant|>\n",
        "",
        bos="[gMASK]<sop>",
        system="<|system|>\n¤",
        result="<|observation|>\n¤",
    ),
    "glm-4.5": Shape(
        "<|user|>\n¤",
        "<|assistant|>\n",
        "",
        bos="[gMASK]<sop>",
        system="<|system|>\n¤",
        result="<|observation|>\n<tool_response>\n¤\n</tool_response>",
        calls=Calls(name="<tool_call>", between="\n", after="</tool_call>", arguments="items"),
        thoughts="<think>¤</think>\n",
        keeps="last",
        splits="</think>",
        blank="<think></think>\n",
        asks="<|assistant|>",
    ),
    "gpt-oss": Shape(
        "<|start|>user<|message|>¤<|end|>",
        "<|start|>assistant",
        "<|end|>",
        last="<|return|>",
        system="<|start|>developer<|message|>¤<|end|>",
        result="<|start|>functions to=assistant<|channel|>commentary<|message|>¤<|end|>",
        calls=Calls(
            "",
            " to=functions.",
            "<|channel|>commentary json<|message|>",
            "",
            "",
            "<|call|>",
            "",
            first_only=True,
        ),
        thoughts="<|channel|>analysis<|message|>¤<|end|><|start|>assistant",
        keeps="last",
        eos="<|return|>",
        dated=True,
    ),
    "granite-3": Shape(
        "<|start_of_role|>user<|end_of_role|>¤<|end_of_text|>\n",
        "<|start_of_role|>assistant<|end_of_role|>",
        "<|end_of_text|>\n",
        system="<|start_of_role|>system<|end_of_role|>¤<|end_of_text|>\n",
        result="<|start_of_role|>tool_response<|end_of_role|>¤<|end_of_text|>\n",
        eos="<|end_of_text|>",
        dated=True,
    ),
    "granite-4": Shape(
        "<|start_of_role|>user<|end_of_role|>¤<|end_of_text|>\n",
        "<|start_of_role|>assistant<|end_of_role|>",
        "<|end_of_text|>\n",
        system="<|start_of_role|>system<|end_of_role|>¤<|end_of_text|>\n",
        result="<|start_of_role|>user<|end_of_role|>\n<tool_response>\n¤\n</tool_response><|end_of_text|>\n",
        calls=_HERMES,
        eos="<|end_of_text|>",
    ),
    "hermes-2, tools": _chatml(calls=_HERMES, result="<|im_start|>tool\n¤<|im_end|>\n"),
    "hunyuan": Shape(
        "<｜hy_User｜>¤", "<｜hy_Assistant｜>", "<｜hy_eos｜>", system="¤<｜hy_sep｜>", eos="<｜hy_eos｜>"
    ),
    "idefics, parts": Shape(
        "User: ¤<end_of_utterance>\n",
        "Assistant: ",
        "<end_of_utterance>\n",
        system="System: ¤<end_of_utterance>\n",
        asks="Assistant:",
        parts=True,
    ),
    "internlm-2": _chatml(bos="<s>", eos="</s>", result="<|im_start|>environment\n¤<|im_end|>\n"),
    "kimi-k2": Shape(
        "<|im_user|>user<|im_middle|>¤<|im_end|>",
        "<|im_assistant|>assistant<|im_middle|>",
        "<|im_end|>",
        system="<|im_system|>system<|im_middle|>¤<|im_end|>",
        result="<|im_system|>tool<|im_middle|>¤<|im_end|>",
        calls=Calls(
            "<|tool_calls_section_begin|>",
            "<|tool_call_begin|>",
            "<|tool_call_argument_begin|>",
            "<|tool_call_end|>",
            "",
            "<|tool_calls_section_end|>",
        ),
        eos="[EOS]",
    ),
    "lfm2": _chatml(bos="<|startoftext|>", eos="<|im_end|>", result="<|im_start|>tool\n¤<|im_end|>\n"),
    "llama-2": _inst(system="", user="<s>[INST] ¤ [/INST]", bos="", ends=" </s>"),
    "llama-3": _headers(),
    "llama-3.1": _headers(
        calls=Calls(
            "", '{"name": "', '", "parameters": ', "}", only_one=True, no_text=True, end="<|eom_id|>"
        ),
        dated=True,
    ),
    "llama-3.2": _headers(
        calls=Calls("", '{"name": "', '", "parameters": ', "}", only_one=True, no_text=True)
    ),
    "llama-4": _headers(
        user="<|header_start|>user<|header_end|>\n\n¤<|eot|>",
        opens="<|header_start|>assistant<|header_end|>\n\n",
        ends="<|eot|>",
        system="<|header_start|>system<|header_end|>\n\n¤<|eot|>",
    ),
    "minimax": Shape(
        "]~b]user\n¤[e~[\n",
        "]~b]ai\n",
        "[e~[\n",
        system="]~b]system\n¤[e~[\n",
        result="]~b]tool\n<response>¤</response>[e~[\n",
        calls=Calls(
            "\n<minimax:tool_call>\n",
            "<invoke ",
            ">\n",
            "</invoke>\n",
            finish="</minimax:tool_call>",
            arguments="items",
        ),
        thoughts="<think>\n¤\n</think>\n\n",
        keeps="last",
        splits="</think>",
        asks="]~b]ai\n<think>\n",
        eos="[e~[",
    ),
    "mistral-1": _inst(),
    "mistral-3": _inst(
        user="[INST]¤[/INST]",
        calls=_MISTRAL_CALLS,
        result="[TOOL_RESULTS]¤[/TOOL_RESULTS]",
        alternates=False,
    ),
    "mistral-7": _inst(user="[INST]¤[/INST]", opens="", system="[SYSTEM_PROMPT]¤[/SYSTEM_PROMPT]"),
    "mixtral": _inst(user=" [INST] ¤ [/INST]"),
    "nemotron-nano": _chatml(
        user="<SPECIAL_11>User\n¤\n",
        opens="<SPECIAL_11>Assistant\n",
        ends="\n<SPECIAL_12>\n",
        system="<SPECIAL_10>System\n¤\n",
        result=None,
        splits="</think>",
        asks="<SPECIAL_11>Assistant\n<think>\n",
        eos="<SPECIAL_12>",
    ),
    "olmo-2": _roles("\n", bos="<|endoftext|>", ends="<|endoftext|>\n", last="<|endoftext|>"),
    "phi-3": _roles("<|end|>\n", last="<|end|>\n<|endoftext|>"),
    "phi-3.5": _roles("<|end|>\n"),
    "phi-4": Shape(
        "<|im_start|>user<|im_sep|>¤<|im_end|>",
        "<|im_start|>assistant<|im_sep|>",
        "<|im_end|>",
        system="<|im_start|>system<|im_sep|>¤<|im_end|>",
        eos="<|im_end|>",
    ),
    "qwen-2": _chatml(result=None),
    "qwen-2.5": _chatml(calls=_HERMES),
    "qwen-3": _chatml(calls=_HERMES, thoughts=_THINKS, keeps="last", splits="</think>", blank_last=_BLANK),
    "qwen-3, no thoughts": _chatml(
        calls=_HERMES,
        thoughts=_THINKS,
        keeps="last",
        splits="</think>",
        asks="<|im_start|>assistant\n" + _BLANK,
    ),
    "qwen-3-coder": _chatml(
        calls=Calls(
            name="<tool_call>\n<function=",
            between=">\n",
            after="</function>\n</tool_call>",
            arguments="items",
        )
    ),
    "qwen-3, training": _chatml(calls=_HERMES, generation=True),
    "seed-oss": Shape(
        "<seed:bos>user\n¤<seed:eos>",
        "<seed:bos>assistant\n",
        "<seed:eos>",
        system="<seed:bos>system\n¤<seed:eos>",
        thoughts="<seed:think>¤</seed:think>",
        keeps="all",
        eos="<seed:eos>",
    ),
    "smollm-2": _chatml(eos="<|im_end|>"),
    "smollm-3": _chatml(
        eos="<|im_end|>",
        splits="</think>",
        thoughts=_THINKS,
        keeps="last",
        asks="<|im_start|>assistant\n<think>\n",
    ),
    "solar, printed calls": _chatml(calls=_HERMES._replace(arguments="printed")),
    "vicuna": Shape("USER: ¤ ", "ASSISTANT:", "</s>", system="¤ ", eos="</s>"),
    "yi": _chatml(eos="<|endoftext|>", result=None),
    "zephyr": _roles("</s>\n", eos="</s>"),
}
"""Shapes by the family of models that has such a template."""


def tokenizer(shape: Shape, text: str = "") -> PreTrainedTokenizerFast:
    """Return a tokenizer with the template of a shape, or another template `text` for the same tokens."""
    made = tiny_model.tokenizer(text or template(shape))
    found = re.findall(
        r"<\|[^|<>]+\|>|<｜[^｜]+｜>|\[/?[A-Z_]{3,}\]|\[\|[a-z]+\|\]|\[gMASK\]|\[e~\[|\]~b\]|<SPECIAL_\d+>"
        r"|</?(?:s|bos|eos|sop|start_of_turn|end_of_turn|think|tool_call|end_of_utterance|seed:[a-z]+|BOS_TOKEN)>",
        repr(shape),
    )
    made.add_tokens([AddedToken(each, special=True) for each in sorted({*found, shape.eos})])
    made.eos_token = shape.eos
    return made
