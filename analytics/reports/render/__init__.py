"""A drawn report as mail, page, PDF, workbook or CSV."""
