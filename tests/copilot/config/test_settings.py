from pathlib import Path

import pytest

from copilot.config.settings import load_settings
from copilot.model.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("INCIDENT_COPILOT_CONFIG", str(path))
    return path


def test_the_file_is_read_and_the_environment_wins(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[cluster]\ncontext = "prod"\ntimeout = 3\n[knowledge]\nbuiltin = false\n')
    monkeypatch.setenv("INCIDENT_COPILOT_CLUSTER__CONTEXT", "staging")
    settings = load_settings()
    assert settings.cluster.context == "staging"
    assert settings.cluster.timeout == 3
    assert settings.knowledge.builtin is False


def test_openais_own_variables_are_used_but_count_less_than_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[model]\nbase_url = "http://localhost:1/v1"\n')
    monkeypatch.setenv("OPENAI_API_KEY", "sk-something")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:2/v1")
    model = load_settings().model
    assert model.api_key.get_secret_value() == "sk-something"
    assert model.base_url == "http://localhost:1/v1"
    assert model.usable
    assert "sk-something" not in repr(model)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[cluster\n", "cannot be read", "correct"),
        ('[cluster]\ncontxt = "x"\n', "unknown setting 'cluster.contxt'", "did you mean 'context'"),
        ("[clutser]\n", "unknown setting 'clutser'", "did you mean 'cluster'"),
        ("[cluster]\ntimeout = 0\n", "cluster.timeout", "docs/configuration.md"),
        ("cluster = 3\n", "cluster", "docs/configuration.md"),
        ("model = 3\n", "model", "docs/configuration.md"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(file: Path, text: str, message: str, hint: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(file) in caught.value.message
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert hint in caught.value.hint


def test_a_named_file_must_exist(file: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings()
