"""The commands of the README, typed to the letter one after the other."""

from pathlib import Path

from portal.trust.changes import ensure_defaults
from tests.commands.conftest import Shell
from tests.factories import writing
from tests.infra.command_lines import command_lines

README = Path(__file__).resolve().parents[2] / "README.md"


def test_a_partner_is_trusted_as_the_readme_has_it(shell: Shell, tmp_path: Path, monkeypatch):
    """On a fresh database, up to the test of a provider that is nowhere."""
    with writing() as tx:
        ensure_defaults(tx)
    monkeypatch.chdir(tmp_path)
    Path("secret.txt").write_text("hush\n")
    typed = [words for _, words, complete in command_lines(README.read_text()) if complete]
    block = [words for words in typed if words[0] in {"staff", "org", "idp"}]
    assert [words[:2] for words in block[-2:]] == [["idp", "test"], ["idp", "enable"]]
    for words in block[:-2]:
        shell(*words)
    assert [one["slug"] for one in shell.json("idp", "list", "acme")] == ["main"]
