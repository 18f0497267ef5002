from academics.models.batches import Batch, BatchQuerySet
from academics.models.classes import (
    ClassChange,
    ClassChangeQuerySet,
    ClassTime,
    class_label,
    room_label,
)
from academics.models.courses import Course, CourseQuerySet
from academics.models.enrollments import Enrollment, EnrollmentQuerySet, EnrollmentStatus
from academics.models.holidays import Holiday
from academics.models.institute import Institute, InstituteManager
