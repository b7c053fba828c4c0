"""What users pick instead, each as its documentation shows it. Runs in environments of its own.

Of ours they need only the module that imports torchvision, which asks for torch alone.
"""
