"""The Compare page: its state, leaderboard, charts and model comparison."""
