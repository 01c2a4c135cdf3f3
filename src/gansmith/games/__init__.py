"""Players and games: who plays against whom, and one step of it."""
