def write_section(path, name, text):
    pass
