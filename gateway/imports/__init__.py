"""Usage that was recorded elsewhere → ledger lines. Readers (`formats`) are pure; `service` alone writes."""
