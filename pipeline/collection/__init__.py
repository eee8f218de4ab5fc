"""Collection: sources, time order, the cursor, batches with their metaparameters, and the roles of columns."""
