"""`imagemill upscale` and `restore` use the promoted model on pictures of any kind, and say what is wrong otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner, Result

from benchmarks.photos import photos
from flows.command_line import app
from storage.layout import DatasetFolder
from storage.registration import register
from storage.run_directory import RunDirectory
from storage.scratch import scratch_folder
from tests.oracles.conversions import largest_difference
from tests.storage.stored_models import finished_run, new_model, promoted, registered
from tests.training.gan_models import GENERATOR, registered_network
from training.restorers import RestorerShape, make_restorer
from training.superres import Config, make_network

CONFIG = """
recipe = "superres"
dataset = "none"
slow = "/"
version = 1
large = 32
small = 16
width = 4
blocks = 1
skip = "bicubic"
"""


def bicubic_model(folder: DatasetFolder, *, gain: float):
    """Register a network that adds noise of the strength `gain` to its bicubic skip."""
    torch.manual_seed(0)
    network = make_network(Config("none", Path("/"), large=32, small=16, width=4, blocks=1, skip="bicubic"))
    weights = network.state_dict()
    last = [name for name in weights if name.endswith("weight")][-1]
    weights[last] = gain * torch.randn_like(weights[last])
    with scratch_folder(folder) as scratch:
        run: RunDirectory = finished_run(scratch / "run", weights=b"", recipe="superres", request=f"{gain:.0f}" * 64)
        torch.save(weights, run.weights)
        run.config.write_text(CONFIG)
        return register(folder, run, request=f"{gain:.0f}" * 64, made_of=(), card="# {}\n".format, scratch=scratch)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a promoted model that is plain bicubic, and a newer one that is not promoted."""
    root = tmp_path_factory.mktemp("root")
    folder = new_model(root, "superres")
    promoted(folder, bicubic_model(folder, gain=0))
    bicubic_model(folder, gain=9)
    registered(new_model(root, "digits"))
    for name, defects in (("numbers", GENERATOR), ("colours", GENERATOR.replace('"number", "jpeg"', '"grey"'))):
        registered_network(root, name, reddening(), defects, recipe="gan-generator")
    return root


def reddening() -> nn.Module:
    """A network that adds a tenth of red to each pixel, whatever is beside it."""
    network = make_restorer(RestorerShape(width=4), scale=1)
    state = network.state_dict() | {"network.to_pixels.bias": torch.tensor([0.1, 0.0, 0.0])}
    network.load_state_dict(state)
    return network


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    photos()["coffee.png"].resize((60, 44)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def picture(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def ended(root: Path, *arguments: object, command: str = "upscale") -> Result:
    return CliRunner().invoke(app, [command, *map(str, arguments), "--slow", str(root)])


def test_the_promoted_model_enlarges_and_the_newer_one_does_so_only_when_it_is_named(
    root: Path, photo: Path, tmp_path: Path
):
    result = ended(root, photo, "-o", tmp_path / "big.png", "--beside", tmp_path / "both.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "60×44 → 120×88 by superres, version 1" in result.stdout
    big = np.asarray(picture(tmp_path / "big.png"))
    plain = np.asarray(picture(photo).convert("RGB").resize((120, 88), Image.Resampling.BICUBIC))
    # Pillow rounds to whole levels between the two directions, and where its kernel overshoots.
    assert largest_difference(big, plain) <= 4
    both = np.asarray(picture(tmp_path / "both.png"))
    assert np.array_equal(both, np.concatenate([plain, big], axis=1))
    newer = ended(root, photo, "-o", tmp_path / "newer.png", "--model", "superres@2", "--json")
    told = json.loads(newer.stdout)
    assert (told["version"], told["before"], told["after"]) == (2, [60, 44], [120, 88])
    assert largest_difference(np.asarray(picture(tmp_path / "newer.png")), plain) > 40


def test_alpha_is_kept_where_the_format_has_it_and_jpeg_is_written_without(root: Path, photo: Path, tmp_path: Path):
    image = picture(photo).convert("RGB")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "clear.png")
    assert ended(root, tmp_path / "clear.png", "-o", tmp_path / "big.png").exit_code == 0
    assert ended(root, tmp_path / "clear.png", "-o", tmp_path / "deep" / "big.jpg").exit_code == 0
    assert picture(tmp_path / "big.png").mode == "RGBA"
    assert picture(tmp_path / "deep" / "big.jpg").size == (120, 88)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.png", "clear.png", "deep", "photo.png"]


@pytest.mark.parametrize(
    ("photo_name", "output", "options", "said"),
    [
        ("text.png", "big.png", (), "text.png is not a picture that can be read"),
        ("cut.png", "big.png", (), "cut.png is damaged"),
        ("nothing.png", "big.png", (), "nothing.png"),
        ("photo.png", "big.gif", (), "big.gif cannot be written: choose a name that ends in .png, .jpg"),
        ("photo.png", "big.png", ("--model", "nobody"), "has no model 'nobody'; it has: colours, digits, numbers"),
        ("photo.png", "big.png", ("--model", "superres@9"), "has no version 9; it has: 1, 2"),
        ("photo.png", "big.png", ("--model", "superres@x"), "a model is named like superres"),
        ("photo.png", "big.png", ("--model", "digits"), "no version of the model 'digits' is promoted"),
        ("photo.png", "big.png", ("--model", "digits@1"), "was trained by digits; here a model of superres is needed"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(
    photo_name: str, output: str, options: tuple[str, ...], said: str, root: Path, photo: Path, tmp_path: Path
):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:900])
    result = ended(root, tmp_path / photo_name, "-o", tmp_path / output, *options)
    assert result.exit_code == 2
    (line,) = result.stderr.strip().splitlines()
    assert said in line
    assert not (tmp_path / output).exists()


def test_restore_keeps_the_size_and_says_what_the_model_learnt_to_mend(root: Path, photo: Path, tmp_path: Path):
    better, both = tmp_path / "better.png", tmp_path / "both.png"
    result = ended(root, photo, "-o", better, "--model", "numbers@current", "--beside", both, command="restore")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "60×44 → 60×44 by numbers@current, version 1, which learnt to mend: number, jpeg" in result.stdout
    before = np.asarray(picture(photo).convert("RGB"))
    expected = np.minimum(before.astype(int) + np.array([26, 0, 0]), 255)
    assert largest_difference(np.asarray(picture(better)), expected.astype(np.uint8)) <= 1
    assert np.array_equal(np.asarray(picture(both)), np.concatenate([before, np.asarray(picture(better))], axis=1))


@pytest.mark.parametrize(("model", "mode"), [("numbers", "L"), ("colours", "RGB")])
def test_a_grey_picture_gets_colours_from_who_learnt_to_give_them(
    root: Path, photo: Path, tmp_path: Path, model: str, mode: str
):
    picture(photo).convert("L").save(tmp_path / "grey.png")
    arguments = (tmp_path / "grey.png", "-o", tmp_path / "better.png", "--model", model)
    assert ended(root, *arguments, command="restore").exit_code == 0
    assert picture(tmp_path / "better.png").mode == mode


def test_a_model_is_used_for_what_its_recipe_is_for(root: Path, photo: Path, tmp_path: Path):
    for command, model, said in (
        ("restore", "superres", "was trained by superres; here a model of gan-generator or gan is needed"),
        ("upscale", "numbers", "was trained by gan-generator; here a model of superres is needed"),
    ):
        result = ended(root, photo, "-o", tmp_path / "out.png", "--model", model, command=command)
        assert result.exit_code == 2
        assert said in result.stderr
