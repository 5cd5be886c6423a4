"""Refresh tokens are known by their `jti` alone; their text is emptied, whoever writes it."""

from django.db import migrations

FORGET = """
CREATE FUNCTION gateway_refresh_token_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.token := '';
  RETURN NEW;
END $$;
CREATE TRIGGER refresh_token_guard BEFORE INSERT OR UPDATE ON token_blacklist_outstandingtoken
  FOR EACH ROW EXECUTE FUNCTION gateway_refresh_token_guard();
UPDATE token_blacklist_outstandingtoken SET token = '' WHERE token <> '';
"""
"""A trigger, for the release before this one writes the text while a rolling upgrade lasts."""
FORMER = """
DROP TRIGGER refresh_token_guard ON token_blacklist_outstandingtoken;
DROP FUNCTION gateway_refresh_token_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("gateway", "0032_scim_group_names"),
        ("token_blacklist", "0013_alter_blacklistedtoken_options_and_more"),
    ]

    operations = [migrations.RunSQL(FORGET, FORMER)]
