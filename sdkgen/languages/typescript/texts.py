"""README."""
def texts(api, names, config, resources):
    return {}
