"""Fine-tuning's own pages and entries."""

from finetuning.console import compare, files, jobs, sunsets, wizard
from gateway.console import ConsoleProvider, NavEntry, Page, Section
from gateway.signin.confirmation import ALWAYS


class FinetuningConsole(ConsoleProvider):
    """From training files to tuned models on routes."""

    pages = (
        Page("fine-tuning/jobs/", jobs.job_list, "tuning_jobs"),
        Page("fine-tuning/jobs/<uuid:job_id>/", jobs.job_page, "tuning_job"),
        Page("fine-tuning/jobs/<uuid:job_id>/do/", jobs.job_do, "tuning_job_do"),
        Page("fine-tuning/jobs/<uuid:job_id>/deploy/", jobs.job_deploy, "tuning_job_deploy"),
        Page("fine-tuning/jobs/<uuid:job_id>/<str:form>/", jobs.job_file, "tuning_job_file", confirm=ALWAYS),
        Page("fine-tuning/new/", wizard.new_job, "tuning_new"),
        Page("fine-tuning/files/", files.file_list, "tuning_files"),
        Page("fine-tuning/files/<uuid:file_id>/", files.file_page, "tuning_file"),
        Page("fine-tuning/files/<uuid:file_id>/diff/", files.file_diff, "tuning_file_diff"),
        Page("fine-tuning/files/<uuid:file_id>/do/", files.file_do, "tuning_file_do"),
        Page("fine-tuning/compare/", compare.evaluation_list, "tuning_evaluations"),
        Page("fine-tuning/compare/<uuid:evaluation_id>/", compare.evaluation_page, "tuning_evaluation"),
        Page("fine-tuning/compare/<uuid:evaluation_id>/cancel/", compare.evaluation_cancel, "tuning_evaluation_cancel"),
        Page("fine-tuning/sunsets/", sunsets.sunset_page, "tuning_sunsets"),
        Page("fine-tuning/sunsets/record/", sunsets.record, "tuning_record"),
        Page("fine-tuning/sunsets/<uuid:recording_id>/cancel/", sunsets.recording_cancel, "tuning_record_cancel"),
    )
    navigation = (
        NavEntry(
            "Jobs", "admin:tuning_jobs", "tune", Section.TUNING, 10, also=("admin:tuning_job", "admin:tuning_new")
        ),
        NavEntry(
            "Files", "admin:tuning_files", "file", Section.TUNING, 20,
            also=("admin:tuning_file", "admin:tuning_file_diff"),
        ),
        NavEntry(
            "Compare", "admin:tuning_evaluations", "scale", Section.TUNING, 30, also=("admin:tuning_evaluation",)
        ),
        NavEntry("Sunset radar", "admin:tuning_sunsets", "sun", Section.TUNING, 40),
    )  # fmt: skip
