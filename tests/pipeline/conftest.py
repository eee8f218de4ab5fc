"""That this file is here puts its folder on the path, so that tests in the folders below find ``small_stream``."""
