"""What users pick instead, each as its documentation shows it. Runs in environments of its own: nothing of ours."""
