from .batches import Batch, BatchQuerySet
from .classes import ClassChange, ClassChangeQuerySet, ClassTime, class_words, room_words
from .courses import Course, CourseQuerySet
from .enrollments import Enrollment, EnrollmentQuerySet, EnrollmentStatus, days_between
from .holidays import Holiday
from .institute import Institute, InstituteManager
