"""Measures a finished model of the recipe `devise` on held-out rows of seen classes and on classes it never saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from storage.class_splits import UNSEEN
from tasks.ops.class_splitting import TEST
from tasks.ops.conse import conse_embeddings
from tasks.ops.image_kinds import image_kinds
from tasks.ops.wordnet_hops import HopGraph
from tasks.ops.zero_shot_figures import Candidates, Judged, flat_metrics, zero_shot_figures
from tasks.ops.zero_shot_tables import group_tables, zero_shot_tables
from training.batches import batches_in_order, unit_range
from training.class_rows import IMAGES
from training.devise_config import Config
from training.devise_data import WordSpace
from training.devise_losses import unit
from training.devise_network import WordSpaceNetwork
from training.distributed import World
from training.sources import PickedRows, StoredRows
from training.steps import HeldOut

_BATCH = 64


def measured(
    network: WordSpaceNetwork,
    model: Config,
    space: WordSpace,
    *,
    graph: HopGraph,
    rows_per_class: int,
    device: torch.device,
) -> HeldOut:
    """Return all figures of a network on the rows of `space` that nothing was learnt from.

    Of each class the first `rows_per_class` rows count.
    """
    split = space.rows.split
    seen, unseen = (
        _judged(network, model, space, _first_rows(space, role, rows_per_class), device=device)
        for role in (TEST, UNSEEN)
    )
    known = np.concatenate([split.seen_labels, split.unseen_labels])
    control = np.zeros((len(space.rows.version.classes), space.vectors.shape[1]), np.float32)
    control[known] = space.control_vectors(known)
    candidates = Candidates(split, space.vectors, space.nouns.has_own_vector, control, graph)
    found = zero_shot_figures(seen, unseen, candidates)
    set_aside = len(split.set_aside_labels)
    tables = zero_shot_tables(found, set_aside=set_aside, is_demonstration=space.is_demonstration)
    return HeldOut(flat_metrics(found), {}, [*tables, *group_tables(unseen, candidates, branches=_branches(space))])


def _branches(space: WordSpace) -> list[str]:
    """Return the branch of WordNet of each class, by label; nothing for a class that is no noun."""
    of_nouns = space.nouns.table["branch"].to_pylist()
    rows = space.rows.split.rows_of(np.arange(len(space.rows.version.classes))).tolist()
    return [of_nouns[row] if row < len(of_nouns) else "" for row in rows]


def _first_rows(space: WordSpace, role: str, per_class: int) -> NDArray[np.int64]:
    """Return at most so many rows of each class that serve for `role`, ascending."""
    rows = np.flatnonzero(space.rows.roles == role)
    labels = space.rows.version.labels[rows]
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    return np.sort(rows[order[np.arange(len(order)) - starts < per_class]])


def _judged(
    network: WordSpaceNetwork, model: Config, space: WordSpace, rows: NDArray[np.int64], *, device: torch.device
) -> Judged:
    source = PickedRows(StoredRows({IMAGES: space.rows.version.rows(model.size)}), rows)
    parts: list[Mapping[str, NDArray[Any]]] = []
    with torch.inference_mode():
        for batch in batches_in_order(source, _BATCH, world=World(device=device)):
            features = network.backbone(unit_range(batch.to(device)[IMAGES]))
            found = {
                "devise": unit(network.head(features)),
                "control": unit(network.control(features)),
                "softmax": network.softmax(features).float().softmax(1),
            }
            pictures = batch[IMAGES].permute(0, 2, 3, 1).numpy()
            arrays = {name: values.cpu().numpy() for name, values in found.items()}
            parts.append(arrays | {"kinds": image_kinds(pictures)})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    seen = space.class_vectors(space.rows.labels)
    return Judged(
        space.rows.version.labels[rows],
        devise=joined["devise"],
        control=joined["control"],
        softmax=joined["softmax"],
        conse=conse_embeddings(joined["softmax"], seen),
        kinds=joined["kinds"],
    )
