"""The sandbox for submitted code: its tiers, how each is started, and how the code in it is asked."""
