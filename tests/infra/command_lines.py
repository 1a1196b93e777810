"""Hold a written command line against the commands there are, without running it."""

import re
import shlex
from collections.abc import Iterator, Sequence

import click

# A word that stands for something: EMAIL, ORG/SLUG, DATE, ... and what stands for several.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_/=]*|\.\.\.|…")


def fault_of(command: click.Command, words: Sequence[str], *, complete: bool) -> str | None:
    """Return what is wrong with a command line, or None.

    Args:
        command: the first command, whose name was taken off.
        words: the rest, as a shell would split it.
        complete: it is to be run as it stands, so what is required must be there.
    """
    left = list(words)
    while isinstance(command, click.Group):
        if not left or left[0] in {"--help", "--version", "-h"}:
            return "it names a group alone" if complete and not left else None
        found = command.commands.get(left[0])
        if found is None:
            return f"there is no command {left[0]!r}"
        command, left = found, left[1:]
    return _options_fault(command, left, complete=complete)


def _options_fault(command: click.Command, words: list[str], *, complete: bool) -> str | None:
    options = {
        name: one
        for one in command.params
        if isinstance(one, click.Option)
        for name in (*one.opts, *one.secondary_opts)
    }
    options["--help"] = click.Option(["--help"], is_flag=True)
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    given: set[str | None] = set()
    places, left = 0, list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if not name.startswith("--"):
            places += 1
            continue
        if name not in options:
            return f"there is no option {name}"
        option = options[name]
        given.add(option.name)
        if not option.is_flag:
            value = value if equals or not left else left.pop(0)
            if fault := _value_fault(option, value):
                return fault
    if places > len(arguments) and all(one.nargs == 1 for one in arguments):
        return f"it takes {len(arguments)} words, not {places}"
    lacking = [one.opts[0] for one in options.values() if one.required and one.name not in given]
    if places < len([one for one in arguments if one.required]):
        lacking.append("an argument")
    return f"it lacks {', '.join(lacking)}" if complete and lacking else None


def _value_fault(option: click.Option, value: str) -> str | None:
    if not isinstance(option.type, click.Choice) or _PLACEHOLDER.fullmatch(value):
        return None
    return None if value in option.type.choices else f"{value!r} is no {option.opts[0]}"


def command_lines(text: str) -> Iterator[tuple[str, list[str], bool]]:
    """Yield (as written, words after ``portal``, whether it is to be run) of a Markdown text."""
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||[|;]", re.sub(r"(^|\s)#.*", "", line)):
                yield from _of_portal(part, complete=True)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", prose):
        yield from _of_portal(code, complete=False)


def _of_portal(line: str, *, complete: bool) -> Iterator[tuple[str, list[str], bool]]:
    try:
        words = shlex.split(line)
    except ValueError:
        return
    while words and (words[0] in {"sudo", "-u", "env"} or "=" in words[0]):
        words = words[2:] if words[0] == "-u" else words[1:]
    if words and words[0].rpartition("/")[2] == "portal" and len(words) > 1:
        yield line.strip(), words[1:], complete and "..." not in words
