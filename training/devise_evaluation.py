"""Measures a finished model of the recipe `devise` on held-out rows of seen classes and on classes it never saw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from storage.class_splits import UNSEEN
from tasks.ops.class_splitting import TEST
from tasks.ops.conse import conse_embeddings
from tasks.ops.wordnet_hops import hop_graph
from tasks.ops.zero_shot_figures import Candidates, Judged, flat_metrics, zero_shot_figures
from tasks.ops.zero_shot_tables import zero_shot_tables
from training.batches import batches_in_order, unit_range
from training.devise_config import Config
from training.devise_data import WordSpace
from training.devise_losses import unit
from training.devise_network import WordSpaceNetwork
from training.devise_step import IMAGES
from training.distributed import World
from training.sources import PickedRows, StoredRows
from training.steps import HeldOut

_BATCH = 64


def measured(
    network: WordSpaceNetwork,
    model: Config,
    space: WordSpace,
    *,
    rows_per_class: int,
    own: WordSpace,
    device: torch.device,
) -> HeldOut:
    """Return all figures of a network on the rows of `space` that nothing was learnt from.

    `own` is the word space that it learnt in, whose seen classes its classifier knows. Of each class the first
    `rows_per_class` rows count.
    """
    if not np.array_equal(space.split.seen_labels, own.split.seen_labels):
        raise ValueError(
            f"the model learnt from {len(own.split.seen_labels)} seen classes and the rows have "
            f"{len(space.split.seen_labels)} others: hit rates among seen classes cannot be compared"
        )
    judged = {
        role: _judged(network, model, space, _first_rows(space, role, rows_per_class), device=device)
        for role in (TEST, UNSEEN)
    }
    known = np.sort(np.concatenate([space.split.seen_labels, space.split.unseen_labels]))
    control = np.zeros((len(space.version.classes), space.vectors.shape[1]), np.float32)
    control[known] = space.control_vectors(known)
    graph = hop_graph(space.hypernyms, nouns=len(space.split.names))
    candidates = Candidates(space.split, space.vectors, space.nouns.has_own_vector, control, graph)
    found = zero_shot_figures(judged[TEST], judged[UNSEEN], candidates)
    set_aside = len(space.split.set_aside_labels)
    tables = zero_shot_tables(found, set_aside=set_aside, is_demonstration=space.is_demonstration)
    return HeldOut(flat_metrics(found), {}, tables)


def _first_rows(space: WordSpace, role: str, per_class: int) -> NDArray[np.int64]:
    """Return at most so many rows of each class that serve for `role`, ascending."""
    rows = space.rows(role)
    labels = space.version.labels[rows]
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    return np.sort(rows[order[np.arange(len(order)) - starts < per_class]])


def _judged(
    network: WordSpaceNetwork, model: Config, space: WordSpace, rows: NDArray[np.int64], *, device: torch.device
) -> Judged:
    source = PickedRows(StoredRows({IMAGES: space.version.rows(model.size)}), rows)
    parts: list[Mapping[str, NDArray[np.float32]]] = []
    with torch.inference_mode():
        for batch in batches_in_order(source, _BATCH, world=World(device=device)):
            features = network.backbone(unit_range(batch.to(device)[IMAGES]))
            found = {
                "devise": unit(network.head(features)),
                "control": unit(network.control(features)),
                "softmax": network.softmax(features).float().softmax(1),
            }
            parts.append({name: values.cpu().numpy() for name, values in found.items()})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    seen = space.class_vectors(space.split.seen_labels)
    return Judged(
        space.version.labels[rows],
        devise=joined["devise"],
        control=joined["control"],
        softmax=joined["softmax"],
        conse=conse_embeddings(joined["softmax"], seen),
    )
