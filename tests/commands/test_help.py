"""What ``--help`` says: enough to type the command without the documents."""

from collections.abc import Iterator

import click

from portal.cli import main


def options(command: click.Command, name: str = "portal") -> Iterator[tuple[str, click.Option]]:
    """Yield every option there is, by the command line that it belongs to."""
    for one in command.params:
        if isinstance(one, click.Option):
            yield f"{name} {one.opts[-1]}", one
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            yield from options(below, f"{name} {word}")


def test_every_option_says_what_it_is():
    """None is a name alone."""
    assert [name for name, one in options(main) if not one.help] == []


def test_an_option_for_several_says_so():
    """Nobody would type it twice otherwise."""
    several = {name: str(one.help) for name, one in options(main) if one.multiple}
    assert several
    assert [name for name, said in several.items() if "several times" not in said] == []


def test_a_word_that_is_meant_to_the_letter_stands_so():
    """Upper case stands for what one chooses oneself."""
    context = click.Context(main)
    shown = {name: one.make_metavar(context) for name, one in options(main)}
    assert shown["portal org set --max-guests"] == "NUMBER|default"
