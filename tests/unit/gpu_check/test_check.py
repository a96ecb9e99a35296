"""What is refused before a GPU is checked."""

from __future__ import annotations

from lstmbench import commands
from lstmbench.gpu_check.budget import MIN_SECONDS
from lstmbench.utils.command_line import run


def run_main(capsys, tmp_path, *arguments):
    """Exit code and the one line of an error."""
    code = run(lambda: commands.start("gpu-check", [*arguments, "--output", str(tmp_path / "out")]))
    (line,) = capsys.readouterr().err.splitlines()
    return code, line


def test_a_machine_without_a_gpu_is_answered_in_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert line.startswith("error: E4-MACHINE: no GPU to check: expected an NVIDIA driver")


def test_a_misspelt_folder_of_data_is_answered_in_one_line(capsys, tmp_path):
    code, line = run_main(capsys, tmp_path, "--local-data", str(tmp_path / "absent"))
    assert code == 2
    assert f"--local-data '{tmp_path}/absent': expected a folder, found nothing" in line


def test_a_driver_without_a_card_is_answered_in_one_line(capsys, tmp_path, driver):
    driver(gpu="")
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert "expected one that nvidia-smi lists, found none" in line


def test_a_card_that_others_use_is_answered_with_who_uses_it(capsys, tmp_path, driver):
    driver(apps="4711, python3, 20000 MiB")
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert "in use by 1 other process(es)" in line
    assert "4711, python3, 20000 MiB" in line


def test_a_card_that_is_hidden_is_not_checked(capsys, tmp_path, driver, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    code, line = run_main(capsys, tmp_path)
    assert code == 4
    assert "does CUDA_VISIBLE_DEVICES (1) leave it?" in line


def test_a_budget_below_the_first_step_is_refused(capsys, tmp_path, driver):
    code, line = run_main(capsys, tmp_path, "--budget", str(MIN_SECONDS - 1))
    assert code == 6
    assert line.startswith("error: E6-RESOURCES: --budget 29: expected at least 30 s")


def test_an_unknown_name_is_refused_before_anything_runs(capsys, tmp_path, driver):
    assert run_main(capsys, tmp_path, "--datasets", "ptp")[1].startswith("error: E2-USAGE: unknown data set 'ptp'")
