"""Training: recipes driven by one loop, resumed bit for bit. Reads storage, knows torch and never Prefect."""
