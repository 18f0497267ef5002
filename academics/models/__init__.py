from academics.models.batches import Batch
from academics.models.classes import (
    ClassChange,
    ClassTime,
    class_label,
    room_label,
)
from academics.models.courses import Course
from academics.models.enrollments import DropReason, Enrollment, EnrollmentStatus
from academics.models.holidays import Holiday
from academics.models.institute import Institute
from academics.models.logos import Logo
