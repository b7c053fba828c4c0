"""What `imagemill deploy` makes of what it is told: jobs that their flows take, of absolute paths, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from flows.collect_garbage import CollectJob
from flows.deploy_order import DeployOrder
from flows.deploying import PREFECT_FILE, variables_read
from flows.image_job import ImageJob
from flows.part_steps import PARTS
from flows.pipeline_job import PipelineJob
from flows.retrain import RetrainJob
from flows.serving_commands import chosen_order
from flows.verify_dataset import VerifyJob


def test_what_is_not_told_is_left_as_it_is():
    assert DeployOrder().variables == {}
    assert DeployOrder(schedules=False).variables == {"imagemill_schedules": False}


def test_every_job_is_one_that_its_flow_takes(tmp_path: Path):
    order = DeployOrder(source=tmp_path / "photos", slow=tmp_path / "slow", scale="small", schedules=True)
    told = order.variables
    assert told.pop("imagemill_schedules") is True
    assert told.pop("imagemill_dataset") == "photos"
    takes = {"imagemill_prepare_images": ImageJob, "imagemill_pipeline": PipelineJob}
    takes |= {"imagemill_verify_dataset": VerifyJob, "imagemill_collect_garbage": CollectJob}
    takes |= {f"imagemill_retrain_{part}": RetrainJob for part in PARTS}
    assert set(told) == set(takes) <= set(variables_read())
    jobs = {name: takes[name].model_validate(job) for name, job in told.items()}
    assert jobs["imagemill_pipeline"].images == jobs["imagemill_prepare_images"]
    assert jobs["imagemill_collect_garbage"].apply
    assert jobs["imagemill_retrain_gan"].scale == "small"


def test_paths_are_absolute_since_a_worker_runs_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    order = chosen_order(Path("photos"), None, Path("slow"), None, None, configurations=Path("mine"), scale=None)
    job = PipelineJob.model_validate(order.variables["imagemill_pipeline"])
    assert job.images.source == tmp_path / "photos"
    assert (job.images.slow, job.images.fast) == (tmp_path / "slow", tmp_path / "slow")
    assert job.configurations == tmp_path / "mine"


def test_images_without_a_root_are_refused():
    with pytest.raises(ValidationError, match="give --slow DIR as well"):
        DeployOrder(source=Path("/photos"))


def test_every_deployment_names_a_flow_its_job_and_a_known_pool():
    for deployment in yaml.safe_load(PREFECT_FILE.read_text())["deployments"]:
        name = deployment["name"].replace("-", "_")
        assert deployment["parameters"] == {"job": f"{{{{ prefect.variables.imagemill_{name} }}}}"}
        assert deployment["work_pool"]["name"] in ("cpu", "gpu")
        assert "python -m flows.run_process" in deployment["work_pool"]["job_variables"]["command"]
        module, _, flow = deployment["entrypoint"].rpartition(".")
        assert (PREFECT_FILE.parent / module.replace(".", "/")).with_suffix(".py").is_file(), module
        assert flow == module.rpartition(".")[2]
        assert deployment["description"]
