"""The sandbox for submitted code: its tiers, how each is started, and how requests reach the code."""
