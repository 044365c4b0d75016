from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prismctl import contexts
from prismctl.contexts import Context, Contexts
from prismctl.errors import ConfigProblem


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_what_is_saved_is_loaded(config_dir: Path, name: str, path: str) -> None:
    context = Context(name=name, url="http://x", token=f"file:{path}", key="env:K")
    saved = Contexts().with_context(context)
    contexts.save(saved)
    assert contexts.load() == saved


def test_the_file_is_private_and_written_whole(config_dir: Path) -> None:
    path = contexts.save(Contexts().with_context(Context(name="a", url="http://x")))
    assert path.stat().st_mode & 0o777 == 0o600
    assert config_dir.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in config_dir.iterdir()] == ["contexts.toml"]


def test_a_file_open_to_others_is_refused(config_dir: Path) -> None:
    path = contexts.save(Contexts().with_context(Context(name="a", url="http://x")))
    path.chmod(0o640)
    with pytest.raises(ConfigProblem) as caught:
        contexts.load()
    assert caught.value.hint == f"chmod 600 {path}"
    path.chmod(0o600)
    config_dir.chmod(0o770)
    with pytest.raises(ConfigProblem) as caught:
        contexts.load()
    assert caught.value.hint == f"chmod 700 {config_dir}"


@pytest.mark.parametrize(
    "text",
    [
        "current = ",
        "contexts = 3",
        "[contexts.a]\nurl = 5",
        "[contexts.a]\ntoken = 'x'",
        "current = 1",
    ],
)
def test_a_broken_file_is_a_problem_that_names_it(config_dir: Path, text: str) -> None:
    contexts.write_private(config_dir / "contexts.toml", text)
    with pytest.raises(ConfigProblem, match=r"contexts\.toml"):
        contexts.load()


def test_a_current_context_that_is_gone_is_none(config_dir: Path) -> None:
    contexts.write_private(config_dir / "contexts.toml", 'current = "gone"\n')
    assert contexts.load() == Contexts()
