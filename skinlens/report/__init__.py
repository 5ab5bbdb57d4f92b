"""What leaves SkinLens for the record: the PDF case summary."""
