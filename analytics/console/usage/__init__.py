"""The Usage page: any measure by any dimension, as stacked bars, lines, table or heat map."""
