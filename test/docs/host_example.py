def check(tap, path, blocks, directory):
    pass
