"""An app as somebody outside of the product would write it: one measure, two dimensions."""
