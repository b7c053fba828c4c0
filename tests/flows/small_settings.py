"""Settings with which a recipe makes some model in seconds: TOML, by recipe."""

from __future__ import annotations

TINY = {
    "superres": 'test_rows=4\nwidth=4\nblocks=1\nnorm="none"\nbatch_size=4\n'
    "phases=[{epochs=0.02, side=48, learning_rate=1e-3}]",
    "backbone": 'network="small"\nwidth=4\nepochs=0.5\nbatch_size=32',
    "devise": 'network="small"\nwidth=4\nrows_per_class=1\nphases=[{epochs=0.2, learning_rate=1e-3}]',
    "gan-generator": "test_rows=4\nbatch_size=8\nnetwork.width=4\nphases=[{epochs=0.02, learning_rate=1e-3}]",
    "gan-critic": "test_rows=4\nbatch_size=8\nnetwork={width=4, blocks=1}\nphases=[{epochs=0.02, learning_rate=1e-3}]",
    "gan": "test_rows=4\nbatch_size=8\nphases=[{epochs=0.02, learning_rate=1e-4, momentum=0.0}]",
}
