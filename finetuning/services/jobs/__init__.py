"""Jobs: make, steer, follow, book. What follows a backend runs in Celery, claimed by the job's row.

create_job ─▶ row due at once ─▶ sync: start at the backend ─▶ sync: look, events, points, checkpoints, again and again
           ─▶ finish_job: tuned model, price, notification ─▶ book_training
"""

from finetuning.services.jobs.billing import book_hosting, book_training
from finetuning.services.jobs.control import cancel_job, delete_job, pause_job, resume_job
from finetuning.services.jobs.creating import create_job
from finetuning.services.jobs.finishing import finish_job
from finetuning.services.jobs.syncing import sync_due, sync_job
from finetuning.services.jobs.telling import record_checkpoints, record_event, record_points

__all__ = [
    "book_hosting",
    "book_training",
    "cancel_job",
    "create_job",
    "delete_job",
    "finish_job",
    "pause_job",
    "record_checkpoints",
    "record_event",
    "record_points",
    "resume_job",
    "sync_due",
    "sync_job",
]
