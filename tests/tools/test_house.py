from tools.house import ROOT, entered


def run(source):
    code = compile(source, str(ROOT / "training" / "made_up.py"), "exec")
    exec(code, {"__name__": "training.made_up"})


def test_a_file_whose_function_is_called_is_entered():
    with entered() as files:
        run("def step():\n    pass\nstep()")
    assert files == {"training/made_up.py"}


def test_a_file_that_is_only_imported_is_not_entered():
    with entered() as files:
        run("class Noun:\n    value = 1")
    assert files == set()
