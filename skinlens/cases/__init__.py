"""Cases that are kept: patients, lesions, pictures, assessments and reviews, with a log of who did what."""
