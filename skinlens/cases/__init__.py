"""Cases that are kept: patients, lesions, images, assessments and reviews, with a log of who did what."""
