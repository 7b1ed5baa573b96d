"""Where the code of others runs: its tiers, how each is started, and what is asked of it from outside."""
