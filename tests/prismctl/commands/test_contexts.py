import json
from pathlib import Path

import pytest

from prismctl import contexts
from prismctl.cli import run
from tests.prismctl.support import Run


def test_the_first_context_becomes_current_and_use_changes_it(cli: Run) -> None:
    assert cli("contexts", "set", "a", "http://a:8080/v1/", "--token-ref", "env:A").code == 0
    assert cli("contexts", "set", "b", "https://b.example").code == 0
    rows = json.loads(cli("contexts", "ls", "-o", "json").out)["data"]
    assert [(row["name"], row["url"], row["is_current"]) for row in rows] == [
        ("a", "http://a:8080", True),
        ("b", "https://b.example", False),
    ]
    assert cli("contexts", "use", "b").code == 0
    assert contexts.load().current == "b"


def test_another_url_begins_without_credentials(cli: Run) -> None:
    cli("contexts", "set", "a", "http://a", "--token-ref", "env:A", "--key-ref", "env:K")
    cli("contexts", "set", "a", "--key-ref", "env:K2")
    assert contexts.load().get("a").token == "env:A"
    cli("contexts", "set", "a", "http://evil")
    assert contexts.load().get("a").token is None


def test_a_secret_in_place_of_a_reference_is_refused_and_not_repeated(cli: Run) -> None:
    result = cli("contexts", "set", "a", "http://a", "--token-ref", "prism-admin-secret")
    assert result.code == 2
    assert "prism-admin-secret" not in result.err


@pytest.mark.parametrize(
    "words",
    [
        ("a/b", "http://x"),
        ("", "http://x"),
        ("a", "ftp://x"),
        ("a", "localhost:8080"),
        ("a", "http://user:pw@x"),
        ("a",),
    ],
)
def test_bad_names_and_urls_are_2(cli: Run, words: tuple[str, ...]) -> None:
    assert cli("contexts", "set", *words).code == 2
    assert contexts.load().by_name == {}


def test_rm_forgets_the_context_and_its_own_files(cli: Run, config_dir: Path) -> None:
    kept = config_dir / "credentials" / "a.token"
    contexts.write_private(kept, "t")
    cli("contexts", "set", "a", "http://a", "--token-ref", f"file:{kept}")
    assert cli("contexts", "rm", "a").code == 2
    assert cli("contexts", "rm", "a", "--yes").code == 0
    assert contexts.load().by_name == {}
    assert contexts.load().current is None
    assert not kept.exists()


def test_names_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contexts.save(contexts.Contexts().with_context(contexts.Context(name="prod", url="http://x")))
    monkeypatch.setenv("_PRISMCTL_COMPLETE", "complete_bash")
    monkeypatch.setenv("_PRISMCTL_LINE", "prismctl contexts use p")
    run([])
    assert "prod" in capsys.readouterr().out
