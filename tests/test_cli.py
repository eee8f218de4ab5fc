"""The command line: which command the words name, what each command takes, and what it is called where installed."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from pointsman import __version__, cli
from pointsman.commands import COMMANDS, MODES
from pointsman.common.errors import ConfigError
from pointsman.common.logs import set_up_logging
from pointsman.common.program import CHECKOUT, INSTALLED, as_typed, set_program
from pointsman.options import SHARED
from pointsman.parsing import ALL_OPTIONS, build_main_parser, build_parser, find_command, parse

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def installed():
    """The program, as one that is installed and started as ``pointsman``."""
    set_program(INSTALLED)
    yield
    set_program(CHECKOUT)


def read(*words):
    """Return the command and what it was given."""
    name, rest = find_command(words)
    return name, parse(name, rest)


class TestForms:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("form", [["-mode", "{}"], ["--mode", "{}"], ["-mode={}"], ["--mode={}"], ["{}"]], ids=str)
    def test_every_form_names_the_command(self, form, mode):
        words = [word.format(mode) for word in form]
        for given in (words, ["seed=1", "--config", "c.yaml", *words], [*words, "--config", "c.yaml", "seed=1"]):
            assert find_command(given)[0] == mode

    def test_overrides_and_options_stand_anywhere(self):
        name, given = read("a.b=1", "-file", "x=y.csv", "inference", "seed=2", "-out", "o.csv", "c=3", "--explain")
        assert name == "inference"
        assert (given.subject, given.overrides) == ([], ["a.b=1", "seed=2", "c=3"])
        assert (given.options.file, given.options.out, given.options.explain) == (Path("x=y.csv"), Path("o.csv"), True)

    def test_the_words_of_a_command_are_kept_in_order(self):
        _, given = read("quarantine", "release", "--why", "typed wrong", "7:12,7:15", "seed=1", "--reason", "late")
        assert given.subject == ["release", "7:12,7:15"]
        assert (given.options.why, given.options.reason) == ("typed wrong", "late")

    @pytest.mark.parametrize("option", ["-file", "--file", "--fil"])
    def test_a_file_may_stand_before_the_command_and_be_named_like_one(self, option):
        name, given = read(option, "update", "inference")
        assert (name, given.options.file) == ("inference", Path("update"))

    def test_a_mode_that_is_named_leaves_other_words_as_words(self):
        assert find_command(["-mode", "update", "models"]) == ("update", ["models"])
        with pytest.raises(ConfigError, match="'models' is neither a command nor an override"):
            read("-mode", "update", "models")

    def test_a_negative_number_is_the_value_of_its_option(self):
        assert read("models", "rollback", "--to", "-1")[1].options.to == "-1"


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["updat"], "'updat' is no command; did you mean 'update'?"),
            (["model", "history"], "'model' is no command; did you mean 'models'?"),
            (["zzz"], "'zzz' is no command; use one of update, inference, summary"),
            ([], "No command is named; use one of update"),
            (["seed=1"], "No command is named; use one of update"),
            (["-mode", "models"], "-mode takes update, inference or summary, not 'models'"),
            (["-mode"], "-mode takes update, inference or summary, not ''"),
            (["update", "--time-limit", "soon"], "--time-limit is 'soon'; write how many seconds a batch may take"),
            (["update", "--time-limit", ""], "--time-limit is ''; write how many seconds a batch may take"),
            (["update", "--time-limit", "inf"], "--time-limit is 'inf'; write how many seconds a batch may take"),
            (["models", "--batches", "3"], "--batches is an option of update and not of models; leave it out"),
            (["update", "--why", "so"], "--why is an option of quarantine and models and not of update; leave it out"),
            (["update", "--batchs", "3"], "'--batchs' is no option of update; did you mean '--batches'?"),
            (["summary", "--frobnicate"], "'--frobnicate' is no option of summary; python run.py summary --help lists"),
            (["inference", "-file"], "-file/--file: expected one argument; python run.py inference --help shows"),
            (["serve", "now"], "'now' is neither a command nor an override; write key=value"),
            (["update", "-file", "a.csv", "--from-state", "s"], "--from-state is an option of update without -file"),
        ],
        ids=" ".join,
    )
    def test_wrong_usage_is_one_sentence_and_exit_code_2(self, words, says, capsys):
        assert cli.main(words) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith("Error: ")
        assert says in told.err
        assert told.err.count("\n") == 1

    @pytest.mark.parametrize("name", COMMANDS)
    def test_a_command_refuses_every_option_that_is_not_its_own(self, name):
        own = {form for option in (*COMMANDS[name].options, *SHARED) for form in option.forms}
        for option in ALL_OPTIONS:
            for form in set(option.forms) - own:
                with pytest.raises(ConfigError, match=f"{form} is an option of .* and not of {name}; leave it out"):
                    parse(name, [form, *(["x"] if option.takes_value else [])])


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_the_help_of_a_command_shows_that_command_alone(self, name):
        told = build_parser(name).format_help()
        assert f"python run.py {name} " in told
        own = {form for option in (*COMMANDS[name].options, *SHARED) for form in option.forms}
        others = {form for option in ALL_OPTIONS for form in option.forms if form.startswith("--")} - own
        assert not [form for form in others if form in told.split()]
        assert not [other for other in set(COMMANDS) - {name} if f"run.py {other} " in told]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_example_is_read_by_its_command(self, name):
        for typed, _ in COMMANDS[name].examples:
            words = typed.replace('"', "").split()
            assert read(*words)[0] == name

    def test_the_help_of_all_names_every_command_and_the_other_form(self):
        told = build_main_parser().format_help()
        assert all(f"\n  {name} " in told for name in COMMANDS)
        assert "python run.py -mode COMMAND" in told

    @pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["models", "--help"], 0), (["--version"], 0)])
    def test_asking_ends_well(self, words, code, capsys):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == code
        assert capsys.readouterr().out

    def test_the_version_is_that_of_the_package(self, capsys):
        with pytest.raises(SystemExit):
            cli.main(["--version"])
        assert capsys.readouterr().out == f"pointsman {__version__}\n"


class TestProgram:
    """In a checkout messages say ``python run.py``; where the package is installed they say ``pointsman``."""

    def test_a_checkout_changes_nothing(self):
        assert as_typed("'python run.py update'") == "'python run.py update'"

    @pytest.mark.usefixtures("installed")
    def test_help_errors_answers_and_logs_name_what_is_installed(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert "run.py" not in build_main_parser().format_help() + build_parser("models").format_help()
        assert "pointsman models rollback --to 12" in build_parser("models").format_help()
        assert cli.main(["zzz"]) == 2
        assert "(pointsman --help)" in capsys.readouterr().err
        assert cli.main(["models", "--config", str(ROOT / "config.yaml"), "state_dir=none"]) == 1
        assert "run 'pointsman update' first" in capsys.readouterr().err
        monkeypatch.setattr(cli, "run", lambda *_given: "To undo it: python run.py models rollback --to 3")
        assert cli.main(["models"]) == 0
        assert capsys.readouterr().out == "To undo it: pointsman models rollback --to 3\n"
        set_up_logging(tmp_path)
        try:
            logging.getLogger("pointsman.any").info("python run.py %s lists them", "quarantine")
            (log,) = tmp_path.glob("*.log")
            assert "INFO pointsman quarantine lists them" in capsys.readouterr().err
            assert log.read_text().endswith("pointsman quarantine lists them\n")
        finally:
            logging.basicConfig(handlers=[], force=True)

    @pytest.mark.parametrize(("started", "says"), [(["run.py"], CHECKOUT), (["-m", "pointsman"], INSTALLED)], ids=str)
    def test_a_process_says_how_it_was_started(self, started, says):
        command = [sys.executable, *started, "zzz"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(f"({says} --help).\n")
