"""What happens beside the loop: checkpoints, log, previews, evaluation, health, report."""
