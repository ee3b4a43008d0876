-- The cases of an office, in the order of their pages.
CREATE INDEX court_case_by_office ON court_case (office, id);
