"""Data, training, evaluation and export of the chest radiograph model that Overread ships."""
