"""Reports: sections over the metrics layer, drawn for each reader by what that reader may see, sent by schedule."""
