"""What fine-tuning is asked: estimates, advice, sums and last days. Reads only."""
