"""How guards are made: from scratch, or by tuning a checkpoint on labelled images."""
