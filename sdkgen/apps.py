"""App configuration of sdkgen."""

from django.apps import AppConfig


class SdkgenConfig(AppConfig):
    name = "sdkgen"
    verbose_name = "SDKs"
