"""The meaning of a cell: numbers, dates, truth values and gaps in the notations that people write them in.

A column has one notation. It is decided on the evidence of all its cells, carried by the schema, and read strictly from
then on; for a table whose cells do not follow it, it is decided anew (``adaptation``).
"""
