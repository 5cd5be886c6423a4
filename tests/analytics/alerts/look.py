"""One scheduler of its own process: waits for its line, looks at the rules of one minute, says at how many."""

import os
import sys
from datetime import datetime

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()

    from django.db import connection

    from analytics.alerts.evaluation import evaluate_due

    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    print(evaluate_due(datetime.fromisoformat(sys.argv[1])), flush=True)
