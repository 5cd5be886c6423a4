"""Paths below `/api/openai/v1/`, where the data plane forwards those of `/v1/` that Django answers."""

from django.urls import URLPattern, URLResolver, path

from finetuning.front import files, jobs, uploads
from finetuning.front.base import UnknownView

app_name = "openai-front"
urlpatterns: list[URLPattern | URLResolver] = [
    path("files", files.FilesView.as_view()),
    path("files/<str:name>", files.FileView.as_view()),
    path("files/<str:name>/content", files.ContentView.as_view()),
    path("uploads", uploads.UploadsView.as_view()),
    path("uploads/<str:name>", uploads.UploadView.as_view()),
    path("uploads/<str:name>/parts", uploads.PartsView.as_view()),
    path("uploads/<str:name>/complete", uploads.CompleteView.as_view()),
    path("uploads/<str:name>/cancel", uploads.CancelView.as_view()),
    path("fine_tuning/jobs", jobs.JobsView.as_view()),
    path("fine_tuning/jobs/<str:name>", jobs.JobView.as_view()),
    path("fine_tuning/jobs/<str:name>/cancel", jobs.CancelJobView.as_view()),
    path("fine_tuning/jobs/<str:name>/pause", jobs.PauseJobView.as_view()),
    path("fine_tuning/jobs/<str:name>/resume", jobs.ResumeJobView.as_view()),
    path("fine_tuning/jobs/<str:name>/events", jobs.EventsView.as_view()),
    path("fine_tuning/jobs/<str:name>/checkpoints", jobs.CheckpointsView.as_view()),
    path("<path:rest>", UnknownView.as_view()),  # the last
]
