"""What runs inside the sandbox: nothing here imports convlens, and nothing here is trusted with a verdict."""
