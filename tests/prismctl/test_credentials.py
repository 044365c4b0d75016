from pathlib import Path

import pytest

from prismctl import contexts, credentials
from prismctl.errors import ConfigProblem, NotSignedIn, UsageProblem


def test_references_lead_to_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", " s1\n")
    contexts.write_private(tmp_path / "secret", "s2\n")
    assert credentials.resolve("env:A_SECRET") == "s1"
    assert credentials.resolve(f"file:{tmp_path / 'secret'}") == "s2"


@pytest.mark.parametrize("reference", ["env:NOT_SET", "file:/not/there", "keyring:x"])
def test_what_is_not_there_says_so(reference: str) -> None:
    with pytest.raises(NotSignedIn):
        credentials.resolve(reference)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    contexts.write_private(tmp_path / "secret", "s")
    (tmp_path / "secret").chmod(0o604)
    with pytest.raises(ConfigProblem, match="can be read or written by others"):
        credentials.resolve(f"file:{tmp_path / 'secret'}")


def test_an_unknown_kind_is_a_problem() -> None:
    with pytest.raises(ConfigProblem):
        credentials.resolve("vault:x")
    with pytest.raises(UsageProblem):
        credentials.check_reference("vault:x")


def test_a_relative_file_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert credentials.check_reference("file:token") == f"file:{tmp_path / 'token'}"
